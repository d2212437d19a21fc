"""The device as it looks from here: it is the judge's, who alone knows what things take on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any


class Device:
    """What ``exercise.py`` describes; every word of it is asked for."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def now(self) -> float:
        return self._ask("now")

    def synchronize(self) -> None:
        self._ask("synchronize")

    def generate(self, new_tokens: int) -> Iterator[int]:
        generation = self._ask("generate", new_tokens)
        for token in range(new_tokens):
            self._ask("step", generation)
            yield token


def time_generation(exercise: ModuleType, ask: Callable[..., Any], new_tokens: int) -> Any:
    return listed(exercise.time_generation(Device(ask), new_tokens))


def measure(
    exercise: ModuleType, ask: Callable[..., Any], new_tokens: int, warm_up: int, samples: int
) -> Any:
    """Their ``measure``, with a ``time_generation`` that works, whatever theirs does."""

    def timed(device: Any, new_tokens: int) -> tuple[float, ...]:
        return tuple(ask("time_generation", new_tokens))

    exercise.time_generation = timed  # type: ignore[attr-defined]
    found = listed(exercise.measure(Device(ask), new_tokens, warm_up, samples))
    return [listed(sample) for sample in found] if isinstance(found, list) else found


def listed(value: Any) -> Any:
    """What can be gone through, as a list."""
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else value
