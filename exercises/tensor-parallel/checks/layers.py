"""A whole layer's weights, its heads, and which part of them is whose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Draw, Wrong
from workshop.learn.mistakes import Tells, only_cause

from .weights import cut, same_part


def heads_of(heads: int, rank: int, ranks: int) -> list[int]:
    """Query heads of a rank."""
    return list(range(rank * heads // ranks, (rank + 1) * heads // ranks))


def kv_heads_of(heads: int, kv_heads: int, rank: int, ranks: int) -> list[int]:
    """What is right, slowly: what each of its query heads looks at."""
    return sorted({head // (heads // kv_heads) for head in heads_of(heads, rank, ranks)})


def drawn_heads(draw: Draw, ranks: int, kind: str, least: int = 1) -> tuple[int, int]:
    """Query heads and key/value heads: as many of both, some, or fewer than ranks."""
    if kind == "fewer":
        kv_heads = draw.choice([k for k in range(2, ranks) if ranks % k == 0] or [1])
        return ranks * draw.integer(2, 3), kv_heads
    kv_heads = ranks * draw.integer(least, 2)
    return kv_heads * (1 if kind == "all" else draw.integer(2, 3)), kv_heads


FEW = (
    "with fewer key/value heads than ranks, several ranks need the same one: an even share would "
    "be none, or half of one"
)
DEALT = (
    "neighbouring query heads, and so neighbouring ranks, look at the same key/value head: "
    "h // group, not h % kv_heads"
)
Heads = tuple[int, int, int, int]  # heads, kv_heads, rank, ranks


def right_heads(heads: int, kv_heads: int, rank: int, ranks: int) -> list[int]:
    needed = kv_heads_of(heads, kv_heads, rank, ranks)
    return [needed[0], needed[-1] + 1]


def where_few(wrong: Callable[[int, int, int], list[int]]) -> Callable[..., list[int]]:
    """A mistake (kv_heads, rank, ranks) that shows where there are fewer heads than ranks."""

    def share(heads: int, kv_heads: int, rank: int, ranks: int) -> list[int]:
        right = right_heads(heads, kv_heads, rank, ranks)
        return wrong(kv_heads, rank, ranks) if kv_heads < ranks else right

    return share


def own_heads(heads: int, kv_heads: int, rank: int, ranks: int) -> list[int]:
    own = heads_of(heads, rank, ranks)
    return [own[0], own[-1] + 1]


# What to say, and what that mistake gives for heads, kv_heads, rank and ranks.
WRONG_HEADS: list[tuple[str, Callable[..., list[int]]]] = [
    ("these are its query heads: divide by those that share a key head", own_heads),
    ("those are all key/value heads: only those that its query heads look at",
     lambda heads, kv_heads, rank, ranks: [0, kv_heads]),
    ("stop is the first head that it does NOT need",
     lambda *case: [right_heads(*case)[0], right_heads(*case)[1] - 1]),
    (DEALT, lambda heads, kv_heads, rank, ranks: [
        rank % kv_heads, rank % kv_heads + max(1, kv_heads // ranks)]),
    (DEALT, where_few(lambda kv, rank, ranks: [rank % kv, rank % kv + 1])),
    ("that is the first of them alone: a rank may need several",
     lambda *case: [right_heads(*case)[0], right_heads(*case)[0] + 1]),
    ("that is one head too many: the last query head is stop - 1",
     lambda *case: [right_heads(*case)[0], right_heads(*case)[1] + 1]),
    (FEW, where_few(lambda kv, rank, ranks: [kv * rank // ranks, kv * (rank + 1) // ranks])),
    (FEW, lambda heads, kv_heads, rank, ranks: [
        rank * (kv_heads // ranks), (rank + 1) * (kv_heads // ranks)]),
    ("ranks / kv_heads neighbouring ranks share a key/value head, not kv_heads of them: "
     "rank // (ranks // kv_heads)",
     where_few(lambda kv, rank, ranks: [rank // kv, rank // kv + 1])),
    ("there are fewer key/value heads than ranks: several ranks share one, "
     "rank // (ranks // kv_heads)",
     where_few(lambda kv, rank, ranks: [rank, rank + 1])),
]  # fmt: skip


def cause_of_heads(told: Sequence[tuple[Any, Heads]]) -> str | None:
    """The mistake that gives all these answers, of which the first is the one that is wrong."""

    def gives(wrong: Callable[..., list[int]]) -> Tells:
        return lambda: all(actual == wrong(*case) for actual, case in told)

    hint = only_cause((hint, gives(wrong)) for hint, wrong in WRONG_HEADS)
    actual, (_, kv_heads, _, ranks) = told[0]
    if hint is None and all(isinstance(end, int) for end in actual):
        if actual[0] == actual[1] and kv_heads < ranks:
            return FEW
        if not 0 <= actual[0] < actual[1] <= kv_heads:
            return f"there are key/value heads 0 to {kv_heads - 1}"
    return hint


@dataclass(frozen=True)
class Layer:
    """Weights of a whole layer, and how large everything is."""

    weights: dict[str, Tensor]
    heads: int
    kv_heads: int
    size: int

    def rows_of(self, name: str, rank: int, ranks: int) -> list[int]:
        """Which rows of q, k, v (columns of o) are a rank's."""
        own = (
            kv_heads_of(self.heads, self.kv_heads, rank, ranks)
            if name in "kv"
            else heads_of(self.heads, rank, ranks)
        )
        return [head * self.size + i for head in own for i in range(self.size)]

    def part(self, rank: int, ranks: int) -> dict[str, Tensor]:
        """What is right; of the hidden width, the same for gate, up and down."""
        width = self.weights["gate"].shape[0]
        hidden = list(range(width * rank // ranks, width * (rank + 1) // ranks))
        part = {name: self.weights[name][self.rows_of(name, rank, ranks)] for name in "qkv"}
        part["o"] = self.weights["o"][:, self.rows_of("o", rank, ranks)]
        part["gate"], part["up"] = self.weights["gate"][hidden], self.weights["up"][hidden]
        part["down"] = self.weights["down"][:, hidden]
        return part


def drawn_layer(
    draw: Draw, heads: int, kv_heads: int, ranks: int, size: int = 0, dim: int = 0
) -> Layer:
    """``hidden`` does not divide evenly, and ``dim`` is odd: no other size is."""
    size = size or 4 * draw.integer(1, 3)
    hidden = ranks * draw.integer(5, 8) + draw.integer(1, ranks - 1)
    return layer_of(draw, heads, kv_heads, size, dim or draw.integer(10, 14) * 2 + 1, hidden)


def square_layer(draw: Draw, heads: int, kv_heads: int) -> Layer:
    """As in a Llama, where o is square; gate, up and down are, too."""
    size = draw.choice([4, 8])
    return layer_of(draw, heads, kv_heads, size, heads * size, heads * size)


def layer_of(draw: Draw, heads: int, kv_heads: int, size: int, dim: int, hidden: int) -> Layer:
    shapes = {
        "q": (heads * size, dim), "k": (kv_heads * size, dim), "v": (kv_heads * size, dim),
        "o": (dim, heads * size), "gate": (hidden, dim), "up": (hidden, dim), "down": (dim, hidden),
    }  # fmt: skip
    weights = {name: 1.5 * draw.normal(*shape) / shape[1] ** 0.5 for name, shape in shapes.items()}
    return Layer(weights, heads, kv_heads, size)


def in_bf16(layer: Layer) -> Layer:
    weights = {name: weight.bfloat16() for name, weight in layer.weights.items()}
    return Layer(weights, layer.heads, layer.kv_heads, layer.size)


def same_layer_part(
    actual: Any, layer: Layer, name: str, hidden: tuple[int, int], rank: int, ranks: int
) -> None:
    """Raises Wrong unless it is that rank's part of the layer's weight ``name``."""
    whole, size = layer.weights[name], layer.size
    what = f"{name} of rank {rank} of {ranks}"
    dim = 1 if name in ("o", "down") else 0
    for other, weight in layer.weights.items():
        if other != name and isinstance(actual, Tensor) and actual.dim() == 2 and actual.numel():
            where = (weight[:, :1] == actual[0, 0]).nonzero()
            if len(where) and torch.equal(weight[where[0, 0], : actual.shape[1]], actual[0]):
                raise Wrong(f"{what} is off", hint=f"that comes from {other}, not from {name}")
    if name in ("gate", "up", "down"):
        same_part(actual, whole, dim, *hidden, what, rank, ranks)
        return
    rows = layer.rows_of(name, rank, ranks)
    start, stop = rows[0], rows[-1] + 1
    expected = cut(whole, dim, start, stop)
    if isinstance(actual, Tensor) and not (
        actual.shape == expected.shape and torch.equal(actual, expected)
    ):
        even = [len(whole) * one // ranks for one in (rank, rank + 1)]
        if name in "kv" and even != [start, stop] and torch.equal(actual, whole[even[0] : even[1]]):
            raise Wrong(
                f"{what} has {actual.shape[0]} rows, and a head has {size}",
                f"heads {rows_as_heads(rows, size)}: {expected.shape[0]} rows", actual.shape[0],
                "k and v are cut by whole heads, those of kv_share: not evenly by rows",
            )  # fmt: skip
        first, last = rows[0] // size, rows[-1] // size + 1
        if size > 1 and torch.equal(actual, cut(whole, dim, first, last)):
            raise Wrong(
                f"{what}: {actual.shape[dim]} numbers, and a head has {size}",
                f"heads {rows_as_heads(rows, size)}: {expected.shape[dim]}", actual.shape[dim],
                "head h has rows h * D to (h + 1) * D: heads are cut, not single rows",
            )  # fmt: skip
        heads = whole.unflatten(dim, (-1, size))
        count = layer.kv_heads if name in "kv" else layer.heads
        causes: list[tuple[Callable[[], Tensor], str]] = [
            (
                lambda: heads.index_select(dim, torch.arange(rank, count, ranks)).flatten(
                    dim, dim + 1
                ),
                f"neighbouring heads, not one in every {ranks}",
            ),
            (
                lambda: heads.narrow(dim + 1, rank * size // ranks, size // ranks).flatten(
                    dim, dim + 1
                ),
                "that is a piece of EVERY head: a head is whole on its rank",
            ),
            (
                lambda: heads.select(dim, rank % count),
                "that is another head: query heads that are neighbours share one",
            ),
        ]
        found = only_cause((hint, partial(gives, actual, wrong)) for wrong, hint in causes)
        if found:
            raise Wrong(f"{what} is off", f"heads {rows_as_heads(rows, size)}", None, found)
    lines = ("rows", "columns")[dim]
    those = f"the {size} {lines} of each of this rank's heads, {rows_as_heads(rows, size)}"
    same_part(actual, whole, dim, start, stop, what, rank, ranks, those)


def gives(actual: Tensor, wrong: Callable[[], Tensor]) -> bool:
    return bool(actual.numel()) and torch.equal(actual, wrong())


def rows_as_heads(rows: list[int], size: int) -> str:
    first, last = rows[0] // size, rows[-1] // size
    return str(first) if first == last else f"{first} to {last}"
