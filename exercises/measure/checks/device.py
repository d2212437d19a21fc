"""A simulated device: a clock, a queue of work, and costs that the judge alone knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

MOST = 10_000  # tokens of a generation, and generations: more than any check needs


class Device:
    """Work is queued at the cost of a launch, and done later, one piece after the other.

    Attributes:
        clock: what it shows now, in seconds.
        asked: how many tokens each generation was to have, in order.
    """

    def __init__(self, costs: dict[str, Any]) -> None:
        self.costs = costs
        self.clock: float = costs["start"]
        self.free_at: float = self.clock + costs["busy"]  # something is still running
        self.asked: list[int] = []
        self.made: list[int] = []  # tokens of each so far

    @property
    def answers(self) -> Mapping[str, Callable[..., Any]]:
        """What a participant's process may ask for."""
        return {
            "now": self.now, "synchronize": self.synchronize,
            "generate": self.generate, "step": self.step,
        }  # fmt: skip

    def now(self) -> float:
        self.clock += 1e-9  # reading a clock takes time as well
        return self.clock

    def synchronize(self) -> None:
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
