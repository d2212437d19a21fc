"""A simulated device: a clock, a queue of work, and costs that the judge alone knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

MOST = 10_000  # tokens of a generation, and generations: more than any check needs


@dataclass(frozen=True)
class Reading:
    """One look at the clock.

    Attributes:
        seconds: what it showed.
        tokens: how many were launched by then, of all generations.
        idle: whether the device had done all that it was given.
        waits: how often it was waited for by then.
    """

    seconds: float
    tokens: int
    idle: bool
    waits: int


class Device:
    """Work is queued at the cost of a launch, and done later, one piece after the other.

    Attributes:
        clock: what it shows now, in seconds.
        asked: how many tokens each generation was to have, in order.
        readings: each look at the clock, in order.
        waits: how often somebody waited for it.
    """

    def __init__(self, costs: dict[str, Any]) -> None:
        self.costs = costs
        self.clock: float = costs["start"]
        self.free_at: float = self.clock + costs["busy"]  # something is still running
        self.asked: list[int] = []
        self.made: list[int] = []  # tokens of each so far
        self.readings: list[Reading] = []
        self.waits = 0

    @property
    def answers(self) -> Mapping[str, Callable[..., Any]]:
        """What a participant's process may ask for."""
        return {
            "now": self.now, "synchronize": self.synchronize,
            "generate": self.generate, "step": self.step,
            "time_generation": self.time_generation,
        }  # fmt: skip

    def now(self) -> float:
        self.clock += 1e-9  # reading a clock takes time as well
        if len(self.readings) < MOST:
            idle = self.free_at <= self.clock
            self.readings.append(Reading(self.clock, sum(self.made), idle, self.waits))
        return self.clock

    def synchronize(self) -> None:
        self.waits += 1
        self.clock = max(self.clock, self.free_at)

    def generate(self, new_tokens: int) -> int:
        """Begin a generation, and give its number; its steps are asked for one by one."""
        if type(new_tokens) is not int or not 0 <= new_tokens < MOST or len(self.asked) == MOST:
            raise ValueError("generate(n) takes a whole number of tokens")
        self.asked.append(new_tokens)
        self.made.append(0)
        return len(self.asked) - 1

    def step(self, generation: int) -> None:
        """Give the device the work of a generation's next token."""
        costs = self.costs
        if type(generation) is not int or not 0 <= generation < len(self.asked):
            raise ValueError("there is no such generation")
        seconds = costs["step"] if self.made[generation] else costs["prefill"]
        if generation < costs["cold_runs"]:
            seconds *= costs["cold"]
        self.made[generation] += 1
        self.clock += costs["launch"]
        self.free_at = max(self.free_at, self.clock)
        self.free_at += seconds * costs["jitter"][generation % len(costs["jitter"])]

    def time_generation(self, new_tokens: int) -> list[float]:
        """TTFT and decode seconds of a generation, measured as they should be."""
        self.synchronize()
        times = [self.now()]
        generation = self.generate(new_tokens)
        for token in range(new_tokens):
            self.step(generation)
            if token in (0, new_tokens - 1):
                self.synchronize()
                times.append(self.now())
        return [later - earlier for earlier, later in pairwise(times)]
