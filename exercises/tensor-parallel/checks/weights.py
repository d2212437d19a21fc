"""Which part of one weight is whose, and what is probably done where it is another."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Work, Wrong, number, pair, tensor


def shares(work: Work, size: int, ranks: int) -> list[tuple[int, int]]:
    """What their ``share`` gives each rank, if that is fair; else raises Wrong."""
    found = []
    for rank in range(ranks):
        what = f"share({size}, {rank}, {ranks})"
        told = pair(work.call("share", size, rank, ranks), what)
        start, stop = (number(end, what) for end in told)
        if start != int(start) or stop != int(stop):
            hint = "things cannot be cut: use //"
            raise Wrong(f"{what} is not whole", "two whole numbers", told, hint)
        found.append((int(start), int(stop)))
    low, many = size // ranks, -(-size // ranks)
    fair = [stop - start for start, stop in found]
    joined = [0, *(stop for _, stop in found)]
    if joined[-1] == size and all(a == b for (a, _), b in zip(found, joined, strict=False)):
        if min(fair) >= low and max(fair) <= many:
            return found
        rank = next(i for i in range(ranks) if not low <= fair[i] <= many)
        hint = "one rank gets all that is left over: spread it, size * rank // ranks does"
        if max(fair) <= many:
            hint = "rounding up leaves too little for the last rank: size * rank // ranks is even"
        told = f"{fair} of {size}"
        raise Wrong(f"rank {rank} has {fair[rank]} of {size}", f"{low} or {many}", told, hint)
    causes = {
        "what is left over is nobody's: nothing may be lost": [
            (rank * low, rank * low + low) for rank in range(ranks)
        ],
        "the last ranks get too little, or nothing, or more than there is: rounding up takes too "
        "much first": [(rank * many, min(size, rank * many + many)) for rank in range(ranks)],
        "stop is the first one that is NOT this rank's": [
            (size * rank // ranks, size * (rank + 1) // ranks - 1) for rank in range(ranks)
        ],
        "asked for is where it stops, not how many there are": [
            (size * rank // ranks, size * (rank + 1) // ranks - size * rank // ranks)
            for rank in range(ranks)
        ],
        "a quotient of floats is a little too large or too small: use //": [
            (int(size / ranks * rank), int(size / ranks * (rank + 1))) for rank in range(ranks)
        ],
        "ranks count from 0": [
            (size * (rank - 1) // ranks, size * rank // ranks) for rank in range(ranks)
        ],
    }
    hint = next((hint for hint, wrong in causes.items() if found == wrong), None)
    expected = [(size * rank // ranks, size * (rank + 1) // ranks) for rank in range(ranks)]
    raise Wrong(f"{size} over {ranks} ranks: not everything is just one rank's",
                f"{expected} or the like", found, hint)  # fmt: skip


def cut(weight: Tensor, dim: int, start: int, stop: int) -> Tensor:
    return weight[start:stop] if dim == 0 else weight[:, start:stop]


def same_part(
    actual: Any, whole: Tensor, dim: int, start: int, stop: int, what: str, rank: int, ranks: int
) -> None:
    """Raises Wrong unless it is rows (dim 0) or columns (dim 1) start to stop of ``whole``."""
    expected = cut(whole, dim, start, stop)
    if isinstance(actual, Tensor) and actual.shape == expected.shape:
        tensor(actual, what, expected.shape, whole.dtype)
        if torch.equal(actual, expected):
            return
    kind = "column-parallel cuts the outputs" if dim == 0 else "row-parallel cuts the inputs"
    lines = "the rows" if dim == 0 else "the columns"
    if not isinstance(actual, Tensor):
        tensor(actual, what, expected.shape)
    hint = None
    every = torch.arange(rank, whole.shape[dim], ranks)
    here = list(actual.shape)
    if here == list(whole.shape) != list(expected.shape):
        hint = "that is the whole weight: every rank holds its part only"
    elif torch.equal(actual, whole.index_select(dim, every)):
        hint = f"neighbours, from start to stop: not one in every {ranks}"
    elif torch.equal(actual, expected.T):
        hint = "leave it as it is: a part is [out, in] too, and is transposed when it is used"
    elif len(here) == 2 and here[dim] == whole.shape[dim] and here[1 - dim] < whole.shape[1 - dim]:
        hint = f"{kind}, which are {lines} of [out, in]"
    else:
        for begin in range(whole.shape[dim] - here[dim] + 1 if len(here) == 2 else 0):
            if actual.numel() and torch.equal(actual, cut(whole, dim, begin, begin + here[dim])):
                hint = f"these are neighbours, but not those of share({whole.shape[dim]}, {rank}, "
                hint += f"{ranks})"
    wanted = f"{lines} {start} to {stop - 1} of the {list(whole.shape)}"
    if list(actual.shape) != list(expected.shape):
        raise Wrong(
            f"{what} has the wrong shape", f"{list(expected.shape)}: {wanted}", here, hint
        )  # fmt: skip
    place = tuple((actual != expected).nonzero()[0].tolist())
    raise Wrong(
        f"{what} is not {wanted}: it differs at {list(place)}",
        expected[place].item(), actual[place].item(), hint,
    )  # fmt: skip


VIEW = (
    "a slice is a view: it keeps the whole weight in memory. clone() copies it (contiguous() does "
    "not copy rows, which are contiguous already)"
)
KEPT = (
    "the parts are right, and more is kept elsewhere: in a global, an attribute or a cache. Only "
    "the part may stay"
)
