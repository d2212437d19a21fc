"""Runs of whole settings on a model small enough to try them all."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from llm_builders import random_llama, tiny

from workshop.llm.weights.checkpoint import save
from workshop.runner.assemble import Place, assemble
from workshop.runner.measure import take_sample
from workshop.runner.models import EMBEDDED
from workshop.stages import settings_of
from workshop.stages.settings import Settings

# Four ranks have a head each and whole groups of int4; the two key heads are shared.
MODEL = tiny(dim=128, layers=1, heads=4, kv_heads=2, hidden=128, vocab=1024, context=128)
DRAFT = tiny(dim=32, layers=1, heads=2, kv_heads=1, hidden=64, vocab=1024, context=128)


def write_models(directory: Path) -> None:
    """A model and a draft for it, with the embedded pair's tokenizer."""
    tokenizer = EMBEDDED / "verifier" / "tokenizer.model"
    save(random_llama(MODEL), directory / "model", tokenizer)
    save(random_llama(DRAFT, seed=1), directory / "draft", tokenizer)


def on(directory: Path, settings: Settings, **changes: Any) -> Settings:
    """The settings, for a short run of those models on a CPU.

    In fp32: there, other orders of addition do not make near ties of ties.
    """
    draft = str(directory / "draft") if settings.speculate == "draft" else None
    short: dict[str, Any] = {
        "model": str(directory / "model"),
        "draft": draft,
        "dtype": "float32",
        "device": "cpu",
        "new_tokens": 5,
        "draft_tokens": 2,
        "decode_steps": min(settings.decode_steps, 2),
        "samples": 1,
        "ignore_eos": True,
    }
    return dataclasses.replace(settings, **(short | changes))


def plain(**changes: Any) -> Settings:
    return dataclasses.replace(settings_of("baseline"), **changes)


@torch.inference_mode()
def said(settings: Settings, rank: int = 0, ranks: int = 1) -> list[list[int]]:
    """The new tokens of each sequence."""
    place = Place(torch.device("cpu"), rank, ranks)
    engine = assemble(settings, place)
    sample = take_sample(settings, place, engine, engine.prompts, settings.seed)
    return [sample.tokens, *(other.tokens for other in sample.beside)]
