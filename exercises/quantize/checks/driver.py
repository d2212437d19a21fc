"""Calls their function and writes down what it makes, and what becomes of its arguments."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from torch import Tensor

from workshop.learn.made import Made, stored, tensors
from workshop.learn.watched import watched  # noqa: F401 (called as 'driver:watched')

CLOSE = 0.02  # of the largest element: a weight in bf16 is seen, too


class Seen(Made):
    """Looks at the contents of every tensor that an operation reads or writes.

    Attributes:
        scaled: the first operation that met the whole weight times its scale.
    """

    def __init__(self, values: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.weight = values.double() * scale.double()[:, None]
        self.scaled: str | None = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = super().__torch_dispatch__(func, types, args, kwargs)
        if self.scaled is None and any(map(self.is_weight, tensors((args, kwargs, result)))):
            self.scaled = func.__name__.partition(".")[0]
        return result

    def is_weight(self, one: Tensor) -> bool:
        """Whether it is the weight times its scale, whatever its shape, or one that was padded."""
        rows, columns = self.weight.shape
        if one.numel() < rows * columns or one.is_complex():
            return False
        for weight in (self.weight, self.weight.T):
            whole = one[: weight.shape[0], : weight.shape[1]] if one.dim() == 2 else one
            if whole.numel() != weight.numel():
                continue
            off = (whole.double().reshape(-1) - weight.reshape(-1)).abs().max()
            if off <= CLOSE * weight.abs().max():
                return True
        return False


def product(theirs: ModuleType, x: Tensor, values: Tensor, scale: Tensor) -> dict[str, Any]:
    """The value, what met the scaled weight, the largest tensor, and bytes kept after the call."""
    with Seen(values, scale) as seen:
        value = theirs.int8_linear(x, values, scale)
        kept = seen.held - (stored(value) if isinstance(value, Tensor) else 0)
    return {"value": value, "scaled": seen.scaled, "largest": seen.largest, "kept": kept}
