"""What the tests of speculation share: who guesses, and what each pass of a generation gives."""

from __future__ import annotations

from collections.abc import Callable

import torch
from llm_builders import random_llama, tiny

from workshop.llm.cache import StaticCache
from workshop.llm.config import Config
from workshop.llm.generate import Steps
from workshop.llm.model import Llama
from workshop.llm.sampling import Sampler
from workshop.llm.speculation.draft import DraftModel
from workshop.llm.speculation.lookahead import Lookahead
from workshop.llm.speculation.lookup import PromptLookup
from workshop.llm.speculation.speculative import Guesser, speculate

ROOM = 128
DRAFT = tiny(dim=32, layers=1, hidden=48)
VOCAB = 8
SMALL = tiny(dim=16, layers=1, heads=2, kv_heads=1, hidden=24, vocab=VOCAB, context=32)


def static(config: Config) -> StaticCache:
    return StaticCache(config, 1, ROOM, torch.float32)


def drafting(model: Llama) -> Guesser:
    return DraftModel(model, static(model.config), Steps())


guessers: dict[str, Callable[[Llama], Guesser]] = {
    "another model drafts": lambda model: drafting(random_llama(DRAFT, seed=1)),
    "the verifier drafts for itself": drafting,
    "the text drafts": lambda model: PromptLookup(),
}


def passes(
    model: Llama,
    guesser: Guesser,
    prompt: list[int],
    new_tokens: int,
    k: int | Lookahead,
    temperature: float = 0.0,
    seed: int = 0,
    cache: StaticCache | None = None,
    top_k: int | None = None,
    top_p: float = 1.0,
) -> list[list[int]]:
    """What each pass of a speculative generation gives."""
    return list(
        speculate(
            Steps(),
            model,
            cache or static(model.config),
            guesser,
            prompt,
            new_tokens,
            Lookahead(k) if isinstance(k, int) else k,
            Sampler(temperature, model.config.vocab, seed, top_k=top_k, top_p=top_p),
        )
    )
