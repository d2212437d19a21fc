"""Something that generates, and how long it took: the same stopwatch for ours and for others'."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from workshop.runner.machine import synchronise

# (prompt, new tokens, called whenever tokens have arrived) -> how many new tokens there are.
Generate = Callable[[list[int], int, Callable[[], None]], int]


@dataclass(frozen=True)
class Timing:
    """One generation; seconds to the first token, seconds of those after it, and their number."""

    ttft: float
    decode: float
    tokens: int

    @property
    def tokens_per_second(self) -> float:
        return (self.tokens - 1) / self.decode


def timed(generate: Generate, prompt: list[int], new: int, device: torch.device) -> Timing:
    """Run once; the device is waited for before, and at the end."""
    arrived: list[float] = []
    synchronise(device)
    start = time.perf_counter()
    tokens = generate(prompt, new, lambda: arrived.append(time.perf_counter()))
    synchronise(device)
    end = time.perf_counter()
    return Timing(arrived[0] - start, end - arrived[0], tokens)
