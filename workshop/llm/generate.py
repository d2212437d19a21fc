"""Generation: prefill reads the prompt at once, then decode makes one token a step.

Prefill multiplies matrices by matrices and is bound by compute; decode multiplies matrices by one
vector, must read every weight for it, and is bound by memory bandwidth. A batch of sequences shares
that reading: it costs a step little time, until the arithmetic takes longer than the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workshop.llm.cache import EmptyCache, GrowingCache, StaticCache
from workshop.llm.model import Llama
from workshop.llm.sampling import Sampler, Sampling, choose

KVCache = GrowingCache | StaticCache
SHORTEST_BUCKET = 16


def prefill(
    model: Llama,
    cache: KVCache,
    tokens: Tensor,
    positions: Tensor,
    sampling: Sampling,
    noise: Tensor | None,
    last: Tensor | None = None,
) -> Tensor:
    """Read prompts [B, T] into an empty cache and choose the first new tokens [B, 1].

    They follow the T-th token, or the one with the index ``last`` [1], where what comes after it is
    there only to fill a bucket. ``noise`` is [B, vocab].
    """
    hidden = model.hidden(tokens, positions, EmptyCache(cache))
    end = hidden[:, -1] if last is None else hidden.index_select(1, last)[:, 0]
    return model.agree(choose(model.lm_head(end), sampling, noise))[:, None]


def decode(
    model: Llama,
    cache: KVCache,
    token: Tensor,
    position: Tensor,
    sampling: Sampling,
    noise: Tensor | None,
) -> Tensor:
    """Read one token of each sequence, [B, 1], at a position [1], and choose the next [B, 1]."""
    logits = model(token, position, cache)[:, -1]
    return model.agree(choose(logits, sampling, noise))[:, None]


Step = Callable[..., Tensor]


def decode_many(steps: int) -> Step:
    """``decode``, so many times: one graph when compiled, and Python is entered once for all.

    It gives [B, steps] tokens, and takes noise [steps, B, vocab].
    """
    if steps == 1:
        return decode

    def unrolled(
        model: Llama,
        cache: KVCache,
        token: Tensor,
        position: Tensor,
        sampling: Sampling,
        noise: Tensor | None,
    ) -> Tensor:
        tokens = []
        for i in range(steps):
            drawn = None if noise is None else noise[i]
            token = decode(model, cache, token, position + i, sampling, drawn)
            tokens.append(token)
        return torch.cat(tokens, dim=1)

    return unrolled


@dataclass(frozen=True)
class Steps:
    """The two functions that a generation consists of, as they are or compiled.

    Attributes:
        at_once: tokens of each sequence that ``decode`` makes in a call.
        buckets: fill prompts up to a power of two. A CUDA graph is recorded for one shape and takes
            memory: with buckets there are nine for all prompts up to 4096 tokens, and not one for
            every length. Without CUDA graphs one compiled graph does for every length, and nothing
            is gained by reading what fills up.
    """

    prefill: Step = prefill
    decode: Step = decode
    at_once: int = 1
    buckets: bool = False


def generate(
    steps: Steps,
    model: Llama,
    cache: KVCache,
    prompt: list[int],
    new_tokens: int,
    sampler: Sampler,
) -> Iterator[list[int]]:
    """New tokens of one sequence, as ``generate_batch`` gives them for several."""
    for (row,) in generate_batch(steps, model, cache, [prompt], new_tokens, [sampler]):
        yield row


def generate_batch(
    steps: Steps,
    model: Llama,
    cache: KVCache,
    prompts: Sequence[list[int]],
    new_tokens: int,
    samplers: Sequence[Sampler],
) -> Iterator[list[list[int]]]:
    """New tokens, a row for each sequence: first one, when prefill is done, then ``at_once`` each.

    The last rows may go past ``new_tokens``, by up to ``at_once`` - 1 tokens; the cache needs room
    for them. All samplers draw in the same way, each with randomness of its own: what a sequence
    says does not hang on which others are beside it.
    """
    sampling, device = samplers[0].sampling, samplers[0].device
    length = max(map(len, prompts))
    token = read_prompts(steps, model, cache, prompts, sampling, noise_for(samplers), device)
    yield token.tolist()
    position = torch.tensor([length], device=device)
    for _ in range(1, new_tokens, steps.at_once):
        drawn = noise_for(samplers, steps.at_once)
        tokens = steps.decode(model, cache, token, position, sampling, drawn)
        yield tokens.tolist()
        # The layout that the first token has: another would be compiled for anew.
        token = tokens[:, -1:].clone(memory_format=torch.contiguous_format)
        position = position + steps.at_once


def read_prompts(
    steps: Steps,
    model: Llama,
    cache: KVCache,
    prompts: Sequence[list[int]],
    sampling: Sampling,
    noise: Tensor | None,
    device: torch.device,
) -> Tensor:
    """Clear the cache, read the prompts into it, and choose the first new tokens [B, 1]."""
    length = max(map(len, prompts))
    room = length
    if steps.buckets and isinstance(cache, StaticCache):
        room = bucket(length, cache.length)
    padding = [length - len(prompt) for prompt in prompts]
    rows = [
        [0] * left + prompt + [0] * (room - length)
        for left, prompt in zip(padding, prompts, strict=True)
    ]
    cache.clear(torch.tensor(padding, device=device) if any(padding) else None)
    tokens, positions = torch.tensor(rows, device=device), torch.arange(room, device=device)
    last = torch.tensor([length - 1], device=device) if steps.buckets else None
    return steps.prefill(model, cache, tokens, positions, sampling, noise, last)


def bucket(length: int, most: int) -> int:
    """``length`` rounded up to a power of two, but not beyond ``most``."""
    return min(max(1 << (length - 1).bit_length(), SHORTEST_BUCKET), most)


def noise_for(samplers: Sequence[Sampler], steps: int = 1) -> Tensor | None:
    """What ``decode`` draws with: [B, vocab]; for several steps, [steps, B, vocab]."""
    drawn = []
    for _ in range(steps):  # one by one: drawn at once, the same seed would give other numbers
        rows = [row for sampler in samplers if (row := sampler.noise(1)) is not None]
        if not rows:
            return None
        drawn.append(torch.cat(rows))
    return drawn[0] if steps == 1 else torch.stack(drawn)


def prompt_tensors(prompt: list[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Tokens [1, T] and positions [T] of a prompt."""
    return torch.tensor([prompt], device=device), torch.arange(len(prompt), device=device)
