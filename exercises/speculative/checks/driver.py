"""Many draws in one call."""

from types import ModuleType
from typing import Any

from torch import Tensor

from workshop.learn.watched import watched  # noqa: F401 (called as 'driver:watched')


def first_tokens(
    exercise: ModuleType, p: Tensor, q: Tensor, proposed: Tensor, uniform: Tensor, last: Tensor
) -> list[Any]:
    """New tokens for each row of ``proposed`` [N, k], with its random numbers."""
    found = []
    for row in range(proposed.shape[0]):
        tokens = exercise.accept(p, q, proposed[row], uniform[row], float(last[row]))
        found.append([int(token) for token in tokens])
    return found
