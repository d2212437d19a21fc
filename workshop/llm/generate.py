"""Generation: prefill reads the prompt at once, then decode makes one token a step.

Prefill multiplies matrices by matrices and is bound by compute; decode multiplies matrices by one
vector, must read every weight for it, and is bound by memory bandwidth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from workshop.llm.cache import GrowingCache, StaticCache
from workshop.llm.model import Llama
from workshop.llm.sampling import Sampler, choose

KVCache = GrowingCache | StaticCache


def prefill(
    model: Llama,
    cache: KVCache,
    tokens: Tensor,
    positions: Tensor,
    temperature: float,
    noise: Tensor | None,
) -> Tensor:
    """Read the prompt [1, T] and choose the first new token [1, 1]."""
    last = model.hidden(tokens, positions, cache)[:, -1:]
    return choose(model.lm_head(last), temperature, noise)


def decode(
    model: Llama,
    cache: KVCache,
    token: Tensor,
    position: Tensor,
    temperature: float,
    noise: Tensor | None,
) -> Tensor:
    """Read one token [1, 1] at its position [1] and choose the next [1, 1]."""
    return choose(model(token, position, cache), temperature, noise)


Step = Callable[[Llama, KVCache, Tensor, Tensor, float, Tensor | None], Tensor]


@dataclass(frozen=True)
class Steps:
    """The two functions that a generation consists of, as they are or compiled."""

    prefill: Step = prefill
    decode: Step = decode


def generate(
    steps: Steps,
    model: Llama,
    cache: KVCache,
    prompt: list[int],
    new_tokens: int,
    sampler: Sampler,
) -> Iterator[list[int]]:
    """New tokens, one at a time as a list of one; the first comes when prefill is done."""
    device = sampler.device
    cache.clear()
    tokens, positions = prompt_tensors(prompt, device)
    token = steps.prefill(model, cache, tokens, positions, sampler.temperature, sampler.noise(1))
    yield [int(token)]
    for position in range(len(prompt), len(prompt) + new_tokens - 1):
        at = torch.tensor([position], device=device)
        token = steps.decode(model, cache, token, at, sampler.temperature, sampler.noise(1))
        yield [int(token)]


def prompt_tensors(prompt: list[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Tokens [1, T] and positions [T] of a prompt."""
    return torch.tensor([prompt], device=device), torch.arange(len(prompt), device=device)
