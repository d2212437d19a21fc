"""Who takes turns on a GPU: the same weights, run by ours and by others."""

from __future__ import annotations

import copy
import importlib.util
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from contender import Generate

from workshop.llm.cache import GrowingCache, StaticCache
from workshop.llm.compile import compiled_decode, how_to_compile
from workshop.llm.fuse import fuse
from workshop.llm.generate import Steps, decode, generate
from workshop.llm.model import Llama
from workshop.llm.quantization.pack import pack
from workshop.llm.quantization.quantize import INT8, Quantization
from workshop.llm.ranks.part import WHOLE
from workshop.llm.sampling import Sampler
from workshop.llm.speculation.draft import DraftModel, propose_and_verify, self_draft
from workshop.llm.speculation.lookahead import Lookahead
from workshop.llm.speculation.lookup import PromptLookup
from workshop.llm.speculation.speculative import speculate, verify
from workshop.runner.models import find_model, load_model

PROMPT = 6
GUESSES = 3


@dataclass
class Weights:
    """The model in the forms that contenders want; each is made when first asked for."""

    name: str
    device: torch.device
    dtype: torch.dtype
    group_size: int

    def load(self, how: Quantization | None) -> Llama:
        return load_model(find_model(self.name), self.dtype, self.device, WHOLE, how)

    @cached_property
    def plain(self) -> Llama:
        return self.load(None)

    @cached_property
    def merged(self) -> Llama:
        model = self.load(None)
        fuse(model)
        return model

    @cached_property
    def int8(self) -> Llama:
        model = self.load(INT8)
        fuse(model)
        return model

    @cached_property
    def int4(self) -> Llama:
        model = self.load(Quantization("int4", self.group_size))
        fuse(model)
        return model


def same_weights(model: Llama) -> Llama:
    """Another model with the very same tensors, to be given other kernels."""
    shared = itertools.chain(model.parameters(), model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in shared})


def with_our_kernels(model: Llama) -> Llama:
    from workshop.llm import kernels

    model = same_weights(model)
    kernels.use(model)
    return model


def packed(model: Llama) -> Llama:
    model = same_weights(model)
    pack(model)
    return model


@dataclass
class Bench:
    """What the contenders are made of."""

    weights: Weights
    device: torch.device
    new: int
    gpt_fast: Path | None

    @property
    def how(self) -> Any:
        return how_to_compile("auto", self.device)

    @property
    def room(self) -> int:
        return -(-(PROMPT + self.new + GUESSES + 1) // 64) * 64

    def sampler(self, model: Llama) -> Sampler:
        return Sampler(0.0, model.config.vocab, 0, self.device)

    def cache(self, model: Llama, room: int | None = None) -> StaticCache:
        cache = StaticCache(model.config, 1, room or self.room, self.weights.dtype)
        return cache.to(self.device)

    def ours(self, model: Llama, cache: Any, steps: Steps) -> Generate:
        def run(prompt: list[int], new: int, tick: Callable[[], None]) -> int:
            count = 0
            for tokens in generate(steps, model, cache, prompt, new, self.sampler(model)):
                tick()
                count += len(tokens)
            return count

        return run

    def eager(self) -> Generate:
        return self.ours(self.weights.plain, GrowingCache(self.weights.plain.config), Steps())

    def compiled(self, model: Llama) -> Generate:
        """Prefill stays eager: it is not in tokens/s, and to compile it takes time for nothing."""
        return self.ours(model, self.cache(model), Steps(decode=compiled_decode(decode, self.how)))

    def speculative(self, model: Llama, guesser: Any, kept: list[int]) -> Generate:
        cache = self.cache(model)

        def run(prompt: list[int], new: int, tick: Callable[[], None]) -> int:
            count = 0
            ahead = Lookahead(GUESSES)
            sampler = self.sampler(model)
            for tokens in speculate(Steps(), model, cache, guesser, prompt, new, ahead, sampler):
                tick()
                if count:  # the first token comes from the prompt, not from a pass with guesses
                    kept.append(len(tokens) - 1)
                count += len(tokens)
            return count

        return run

    def self_draft(self, kept: list[int]) -> Generate:
        model = self.weights.merged
        # Ours where it can be had: a draft reads two tokens at once, for which Inductor converts
        # int8 in memory.
        draft = self_draft(model, INT8)
        if has_triton(self.device):
            draft = with_our_kernels(draft)
        run = compiled_decode(propose_and_verify, self.how)
        return self.speculative(model, DraftModel(draft, self.cache(draft), Steps(), run), kept)

    def lookup(self, kept: list[int]) -> Generate:
        run = compiled_decode(verify, self.how)
        return self.speculative(self.weights.merged, PromptLookup(run=run), kept)

    def transformers(self, static: bool) -> Generate:
        from peers_transformers import transformers, with_weights_of

        return transformers(with_weights_of(self.weights.plain), static)

    def peer_gpt_fast(self, int8: bool) -> Generate:
        from peers_gpt_fast import gpt_fast

        if self.gpt_fast is None:
            raise LeftOutError("no checkout was given (--gpt-fast)")
        return gpt_fast(self.gpt_fast, self.weights.merged, int8, self.room)

    def triton(self, model: str) -> Generate:
        if not has_triton(self.device):
            raise LeftOutError("our kernels need a GPU and Triton")
        return self.compiled(with_our_kernels(getattr(self.weights, model)))


class LeftOutError(Exception):
    """A contender that cannot be had here; the message says why."""


def has_triton(device: torch.device) -> bool:
    return device.type == "cuda" and importlib.util.find_spec("triton") is not None


def contenders(bench: Bench, kept: dict[str, list[int]]) -> dict[str, Callable[[], Generate]]:
    """Name -> how to make it; the most important first."""
    weights = bench.weights
    return {
        "baseline": bench.eager,
        "compile": lambda: bench.compiled(weights.plain),
        "gpt-fast compile": lambda: bench.peer_gpt_fast(int8=False),
        "int8 + fuse + triton": lambda: bench.triton("int8"),
        "int4 + fuse + triton": lambda: bench.triton("int4"),
        "compile + fuse": lambda: bench.compiled(weights.merged),
        "compile + fuse + triton": lambda: bench.triton("merged"),
        "int8 + fuse": lambda: bench.compiled(weights.int8),
        "int4 + fuse": lambda: bench.compiled(packed(weights.int4)),
        "transformers": lambda: bench.transformers(static=False),
        "transformers compile": lambda: bench.transformers(static=True),
        "gpt-fast int8": lambda: bench.peer_gpt_fast(int8=True),
        "prompt lookup": lambda: bench.lookup(kept["prompt lookup"]),
        "self-draft": lambda: bench.self_draft(kept["self-draft"]),
    }
