"""For drivers: calls their function, and tells what it makes and what becomes of arguments."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import FrameType, ModuleType
from typing import Any

from torch import Tensor, equal

from workshop.learn.made import Made


def watched(
    theirs: ModuleType, name: str, *arguments: Any, outside: bool = False
) -> dict[str, Any]:
    """The value, which operations made it and the most that they made, and who was changed.

    Args:
        outside: also watch what numpy and Python allocate.

    Returns:
        value; largest: elements of the largest tensor made; peak: bytes there at once; outside:
        bytes that numpy and Python had at once; operations: their names; steps: name and elements
        of each; changed: for each argument, whether it was.
    """
    before = copies(arguments)
    with Made(outside) as made:
        value = getattr(theirs, name)(*arguments)
    return {
        "value": value,
        "largest": made.largest,
        "peak": made.peak,
        "outside": made.outside,
        "operations": sorted({step.name for step in made.steps}),
        "steps": [[step.name, step.elements] for step in made.steps],
        "changed": [not same(*pair) for pair in zip(before, copies(arguments), strict=True)],
    }


def counted(theirs: ModuleType, name: str, *arguments: Any) -> list[int]:
    """How many operations of torch, and how many lines of their file, one call runs through.

    Two calls with the same counts did the same work, whatever else their arguments say.
    """
    lines = 0

    def follow(frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        nonlocal lines
        if frame.f_code.co_filename != theirs.__file__:
            return None
        lines += event == "line"
        return follow

    before = sys.gettrace()
    with Made() as made:
        sys.settrace(follow)
        try:
            getattr(theirs, name)(*arguments)
        finally:
            sys.settrace(before)
    return [len(made.steps), lines]


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
