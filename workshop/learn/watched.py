"""For drivers: calls their function, and tells what it makes and what becomes of arguments."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from torch import Tensor, equal

from workshop.learn.made import Made


def watched(theirs: ModuleType, name: str, *arguments: Any) -> dict[str, Any]:
    """The value, which operations made it and the most that they made, and who was changed.

    Returns:
        value; largest: elements of the largest tensor made; peak: bytes there at once; operations:
        their names; steps: name and elements of each; changed: for each argument, whether it was.
    """
    before = copies(arguments)
    with Made() as made:
        value = getattr(theirs, name)(*arguments)
    return {
        "value": value,
        "largest": made.largest,
        "peak": made.peak,
        "operations": sorted({step.name for step in made.steps}),
        "steps": [[step.name, step.elements] for step in made.steps],
        "changed": [not same(*pair) for pair in zip(before, copies(arguments), strict=True)],
    }


def copies(values: Iterable[Any]) -> list[Any]:
    return [
        copies(value)
        if isinstance(value, list | tuple)
        else value.clone()
        if isinstance(value, Tensor)
        else value
        for value in values
    ]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Tensor):
        return one.shape == other.shape and equal(one.nan_to_num(), other.nan_to_num())
    return bool(one == other)
