"""Which tensors are made while a function runs: how large, and how much of it at once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

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


class Outside:
    """Memory that torch does not see, as a peak: arrays of numpy, lists, bytes.

    Python and numpy tell tracemalloc what they allocate. What is allocated between ``pause`` and
    ``resume`` (notes of our own) is left out.
    """

    def __init__(self) -> None:
        self.peak = 0
        self.base = 0

    def start(self) -> None:
        tracemalloc.start(1)
        self.base = tracemalloc.get_traced_memory()[0]

    def pause(self) -> None:
        now, most = tracemalloc.get_traced_memory()
        self.peak = max(self.peak, most - self.base)
        self.paused_at = now

    def resume(self) -> None:
        self.base += tracemalloc.get_traced_memory()[0] - self.paused_at
        tracemalloc.reset_peak()

    def stop(self) -> None:
        self.pause()
        tracemalloc.stop()


class Made(TorchDispatchMode):
    """``with Made() as made:`` ... then ``made.largest``, ``.peak``, ``.held`` and ``.steps``.

    Attributes:
        largest: elements of the largest tensor made.
        peak: the most bytes of tensors made that were there at once.
        outside: the most bytes that numpy and Python had allocated at once beside those, if asked
            for (``Made(outside=True)``; it takes about twice the time), else 0.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # keeping the compiler out would mean to import it: a second, for nothing

    def __init__(self, outside: bool = False) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.largest = 0
        self.peak = 0
        self.alive: list[tuple[StorageWeakRef, int]] = []
        self.traced = Outside() if outside else None

    def __enter__(self) -> Self:
        super().__enter__()
        if self.traced:
            self.traced.start()
        return self

    def __exit__(self, *error: Any) -> None:
        if self.traced:
            self.traced.stop()
        super().__exit__(*error)

    @property
    def outside(self) -> int:
        return self.traced.peak if self.traced else 0

    @property
    def held(self) -> int:
        """Bytes of tensors made that are still there: whoever has them, a result or a global."""
        return sum(size for kept, size in self.alive if not kept.expired())

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if self.traced:
            self.traced.pause()
        try:
            result = func(*args, **(kwargs or {}))
            self.note(func, args, kwargs, result)
        finally:
            if self.traced:
                self.traced.resume()
        return result

    def note(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
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


def stored(one: Tensor) -> int:
    """Bytes of what it lies in."""
    return one.untyped_storage().nbytes()


def tensors(tree: Any) -> Iterator[Tensor]:
    return (one for one in tree_leaves(tree) if isinstance(one, Tensor))
