"""Many draws in one call, and a residual that is right, whatever theirs is."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from torch import Tensor

from workshop.learn.watched import watched  # noqa: F401 (called as 'driver:watched')


def accept(exercise: ModuleType, ask: Callable[..., Any], *given: Any) -> Any:
    """Their ``accept``, with the judge's residual in place of theirs."""
    theirs = getattr(exercise, "residual", None)

    def residual(p: Any, q: Any) -> Any:
        if isinstance(p, Tensor) and isinstance(q, Tensor) and p.shape == q.shape and p.dim() == 1:
            return ask("residual", p, q)
        return theirs(p, q)

    exercise.residual = residual  # type: ignore[attr-defined]
    try:
        return exercise.accept(*given)
    finally:
        exercise.residual = theirs  # type: ignore[attr-defined]


def first_tokens(
    exercise: ModuleType, p: Tensor, q: Tensor, proposed: Tensor, uniform: Tensor, last: Tensor
) -> list[Any]:
    """New tokens for each row of ``proposed`` [N, k], with its random numbers."""
    found = []
    for row in range(proposed.shape[0]):
        tokens = exercise.accept(p, q, proposed[row], uniform[row], float(last[row]))
        found.append([int(token) for token in tokens])
    return found
