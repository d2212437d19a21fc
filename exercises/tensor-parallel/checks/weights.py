"""Which part of one weight is whose, and what is probably done where it is another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import eq
from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Work, Wrong, number, pair, tensor
from workshop.learn.mistakes import Tells, only_cause


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
        raise Wrong(
            f"rank {rank} has {fair[rank]} of {size}", f"{low} or {many}", f"{fair} of {size}", hint
        )
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
    cause = only_cause((hint, partial(eq, found, wrong)) for hint, wrong in causes.items())
    expected = [(size * rank // ranks, size * (rank + 1) // ranks) for rank in range(ranks)]
    raise Wrong(f"{size} over {ranks} ranks: not everything is just one rank's",
                f"{expected} or the like", found, cause)  # fmt: skip


def cut(weight: Tensor, dim: int, start: int, stop: int) -> Tensor:
    return weight[start:stop] if dim == 0 else weight[:, start:stop]


def same_part(
    actual: Any, whole: Tensor, dim: int, start: int, stop: int, what: str, rank: int, ranks: int,
    those: str | None = None,
) -> None:  # fmt: skip
    """Raises Wrong unless it is rows (dim 0) or columns (dim 1) start to stop of ``whole``.

    Args:
        those: what the right ones are, where ``share`` of their number does not give them.
    """
    expected = cut(whole, dim, start, stop)
    if isinstance(actual, Tensor) and actual.shape == expected.shape:
        tensor(actual, what, expected.shape, whole.dtype)
        if torch.equal(actual, expected):
            return
    lines = LINES[dim]
    if not isinstance(actual, Tensor):
        tensor(actual, what, expected.shape)
    here = list(actual.shape)
    those = those or f"those of share({whole.shape[dim]}, {rank}, {ranks})"
    hint = only_cause(part_causes(actual, whole, dim, (start, stop), rank, ranks, those))
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


LINES = ("the rows", "the columns")
KINDS = ("column-parallel cuts the outputs", "row-parallel cuts the inputs")


def part_causes(
    actual: Tensor, whole: Tensor, dim: int, ends: tuple[int, int], rank: int, ranks: int,
    those: str,
) -> dict[str, Tells]:  # fmt: skip
    """Which mistakes give this part of ``whole``, of which rows or columns ``ends`` are right."""
    expected, size, other = cut(whole, dim, *ends), whole.shape[dim], whole.shape[1 - dim]
    here = list(actual.shape)

    def like(wrong: Callable[[], Tensor]) -> Tells:
        return lambda: torch.equal(actual, wrong())

    def chunk() -> bool:
        chunks = whole.chunk(ranks, dim)
        return rank < len(chunks) and torch.equal(actual, chunks[rank])

    def neighbours() -> bool:
        if len(here) != 2 or not actual.numel() or here[1 - dim] != other or here[dim] == size:
            return False
        return not chunk() and any(
            torch.equal(actual, cut(whole, dim, begin, begin + here[dim]))
            for begin in range(size - here[dim] + 1)
        )

    across = [other * end // ranks for end in (rank, rank + 1)]
    return {
        "that is the whole weight: every rank holds its part only": like(lambda: whole),
        f"neighbours, from start to stop: not one in every {ranks}": like(
            lambda: whole.index_select(dim, torch.arange(rank, size, ranks))
        ),
        "leave it as it is: a part is [out, in] too, and is transposed when it is used": like(
            lambda: expected.T
        ),
        f"{KINDS[dim]}, which are {LINES[dim]} of [out, in]": (
            lambda: any(
                torch.equal(one, cut(whole, 1 - dim, *across)) for one in (actual, actual.T)
            )
        ),
        f"torch.chunk gives the first ones more, and the last what is left: take {those}": chunk,
        f"these are neighbours, but not {those}": neighbours,
    }


VIEW = (
    "a slice is a view: it keeps the whole weight in memory. clone() copies it (contiguous() does "
    "not copy rows, which are contiguous already)"
)
KEPT = (
    "the parts are right, and more is kept elsewhere: in a global, an attribute or a cache. Only "
    "the part may stay"
)
LARGER = "the part lies in a larger tensor: clone() makes one of just its size"


def why_more(found: dict[str, Any], most: int) -> str:
    """Why more than ``most`` bytes are kept: a view, a larger tensor, or something elsewhere."""
    if found["together"] <= most:
        return KEPT
    return VIEW if found["views"] else LARGER
