"""A simulated device: a clock, a queue of work, and costs that the judge has chosen."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any


class Device:
    """Work is queued at the cost of a launch, and done later, one piece after the other."""

    def __init__(self, costs: dict[str, Any]) -> None:
        self.costs = costs
        self.clock = costs["start"]
        self.free_at = self.clock + costs["busy"]  # something is still running
        self.generations = 0
        self.asked: list[int] = []

    def now(self) -> float:
        self.clock += 1e-9  # reading a clock takes time as well
        return self.clock

    def synchronize(self) -> None:
        self.clock = max(self.clock, self.free_at)

    def queue(self, seconds: float) -> None:
        self.clock += self.costs["launch"]
        self.free_at = max(self.free_at, self.clock) + seconds

    def generate(self, new_tokens: int) -> Iterator[int]:
        self.asked.append(new_tokens)
        number = self.generations
        self.generations += 1
        slow = self.costs["cold"] if number < self.costs["cold_runs"] else 1.0
        jitter = self.costs["jitter"][number % len(self.costs["jitter"])]
        for token in range(new_tokens):
            seconds = self.costs["step"] if token else self.costs["prefill"]
            self.queue(seconds * slow * jitter)
            yield token


def time_generation(exercise: ModuleType, costs: dict[str, Any], new_tokens: int) -> list[Any]:
    return list(exercise.time_generation(Device(costs), new_tokens))


def measure(
    exercise: ModuleType, costs: dict[str, Any], new_tokens: int, warm_up: int, samples: int
) -> dict[str, Any]:
    device = Device(costs)
    measured = exercise.measure(device, new_tokens, warm_up, samples)
    return {
        "samples": [list(sample) for sample in measured],
        "generations": device.generations,
        "asked": device.asked,
    }
