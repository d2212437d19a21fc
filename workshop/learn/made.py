"""Which tensors are made while a function runs: how large, and how much of it at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True)
class Step:
    """One operation of torch.

    Attributes:
        name: "cat", "index_copy_".
        elements: of the largest tensor that it made; 0 where it only wrote into one, or looked at
            one in another way.
        bytes: of all that it made.
    """

    name: str
    elements: int
    bytes: int


class Made(TorchDispatchMode):
    """``with Made() as made:`` ... then ``made.largest``, ``.peak``, ``.held`` and ``.steps``.

    Attributes:
        largest: elements of the largest tensor made.
        peak: the most bytes of tensors made that were there at once.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # keeping the compiler out would mean to import it: a second, for nothing

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.largest = 0
        self.peak = 0
        self.alive: list[tuple[StorageWeakRef, int]] = []

    @property
    def held(self) -> int:
        """Bytes of tensors made that are still there: whoever has them, a result or a global."""
        return sum(size for kept, size in self.alive if not kept.expired())

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {one.untyped_storage()._cdata for one in tensors((args, kwargs))}
        new = {
            one.untyped_storage()._cdata: one
            for one in tensors(result)
            if one.untyped_storage()._cdata not in given
        }.values()
        self.alive = [(kept, size) for kept, size in self.alive if not kept.expired()]
        self.alive += [(StorageWeakRef(one.untyped_storage()), stored(one)) for one in new]
        elements = max((stored(one) // one.element_size() for one in new), default=0)
        self.largest = max(self.largest, elements)
        self.peak = max(self.peak, sum(size for _, size in self.alive))
        self.steps.append(Step(func.__name__.partition(".")[0], elements, sum(map(stored, new))))
        return result


def stored(one: Tensor) -> int:
    """Bytes of what it lies in."""
    return one.untyped_storage().nbytes()


def tensors(tree: Any) -> Iterator[Tensor]:
    return (one for one in tree_leaves(tree) if isinstance(one, Tensor))
