"""What generates: decode steps, KV caches and a speculator, put together as the settings say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from workshop.llm.cache import GrowingCache, StaticCache
from workshop.llm.compile import compiled_decode, compiled_steps, how_to_compile
from workshop.llm.generate import Steps, decode_many, generate_batch
from workshop.llm.model import Llama
from workshop.llm.ranks.part import kv_heads_of
from workshop.llm.sampling import Sampler
from workshop.llm.speculation.draft import DraftModel, propose_and_verify
from workshop.llm.speculation.lookahead import Lookahead
from workshop.llm.speculation.lookup import PromptLookup
from workshop.llm.speculation.speculative import Guesser, speculate, verify
from workshop.runner.plan import DTYPES, Plan, lookahead
from workshop.runner.sizes import stored
from workshop.stages.settings import Settings

Generate = Callable[[Sequence[list[int]], int, Sequence[Sampler]], Iterator[list[list[int]]]]


@dataclass(frozen=True)
class Generation:
    """How a model generates.

    Attributes:
        generate: (prompts, new tokens, samplers) -> new tokens, a row for each sequence, again and
            again.
        adaptive_variants: the same with graphs that a generation may do without; the warm-up
            runs them as well.
        cache_bytes: bytes of its KV caches on this rank, when they are full.
    """

    generate: Generate
    adaptive_variants: list[Generate]
    cache_bytes: int


def generation(
    settings: Settings,
    planned: Plan,
    model: Llama,
    draft: Llama | None,
    device: torch.device,
    ranks: int,
) -> Generation:
    """Put together what generates.

    Args:
        draft: the model that guesses; None where none does.
        ranks: that hold ``model`` together.
    """
    steps = decode_steps(settings, device)
    if not settings.static_cache:
        cache_bytes = grown_bytes(settings, planned, model, ranks)
        return Generation(side_by_side(steps, model, GrowingCache(model.config)), [], cache_bytes)
    cache = static_cache(settings, planned, model, device, ranks)
    if settings.speculate == "none":
        return Generation(side_by_side(steps, model, cache), [], stored(cache))
    if draft is None:
        return speculation(settings, steps, model, cache, lookup(settings, device), stored(cache))
    # A self-draft is split as the model is; another draft is whole on every rank.
    draft_ranks = ranks if settings.speculate == "self" else 1
    draft_cache = static_cache(settings, planned, draft, device, draft_ranks)
    guesser = draft_model(settings, steps, draft, draft_cache, device)
    return speculation(settings, steps, model, cache, guesser, stored(cache, draft_cache))


def decode_steps(settings: Settings, device: torch.device) -> Steps:
    """Prefill and decode, compiled where the settings say so."""
    at_once = settings.decode_steps
    if settings.compile:
        return compiled_steps(at_once, how_to_compile(settings.compile_mode, device))
    return Steps(decode=decode_many(at_once), at_once=at_once)


def static_cache(
    settings: Settings, planned: Plan, model: Llama, device: torch.device, ranks: int
) -> StaticCache:
    """A cache for all positions of the plan, of the heads that one of ``ranks`` ranks holds."""
    batch, dtype = len(planned.prompts), DTYPES[settings.dtype]
    cache = StaticCache(model.config, batch, planned.length, dtype, ranks, planned.ragged)
    return cache.to(device)


def grown_bytes(settings: Settings, planned: Plan, model: Llama, ranks: int) -> int:
    """Bytes of a growing cache at the end of a generation, on one of ``ranks`` ranks."""
    full = planned.longest + settings.new_tokens
    itemsize = DTYPES[settings.dtype].itemsize
    share = kv_heads_of(model.config, ranks) / model.config.kv_heads
    return int(model.config.kv_cache_bytes(len(planned.prompts), full, itemsize) * share)


def side_by_side(steps: Steps, model: Llama, cache: GrowingCache | StaticCache) -> Generate:
    """Generates the sequences of a batch together, without speculation."""
    return lambda prompts, new, samplers: generate_batch(
        steps, model, cache, prompts, new, samplers
    )


def lookup(settings: Settings, device: torch.device) -> PromptLookup:
    """Guesses from the text so far."""
    if not settings.compile:
        return PromptLookup(run=verify)
    return PromptLookup(run=compiled_decode(verify, how_to_compile(settings.compile_mode, device)))


def draft_model(
    settings: Settings, steps: Steps, draft: Llama, cache: StaticCache, device: torch.device
) -> DraftModel:
    """Guesses with a model, in one step with the verifier's pass."""
    both = propose_and_verify
    if settings.compile:
        both = compiled_decode(both, how_to_compile(settings.compile_mode, device))
    return DraftModel(draft, cache, steps, both)


def speculation(
    settings: Settings,
    steps: Steps,
    model: Llama,
    cache: StaticCache,
    guesser: Guesser,
    cache_bytes: int,
) -> Generation:
    """Generates one sequence from guesses; adaptive, each number of guesses has its own graph."""

    def speculating(ahead: Lookahead) -> Generate:
        return lambda prompts, new, samplers: (
            [tokens]  # of the one sequence that there is
            for tokens in speculate(
                steps, model, cache, guesser, prompts[0], new, ahead, samplers[0]
            )
        )

    ahead = lookahead(settings)
    variants = [speculating(Lookahead(k)) for k in ahead.sizes] if settings.adaptive else []
    return Generation(speculating(ahead), variants, cache_bytes)
