"""Checks of tensor parallelism: parts of weights first, then real ranks that exchange sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workshop.judge.limits import Limits
from workshop.learn.checking import (
    Draw,
    Work,
    Wrong,
    check,
    is_close,
    number,
    pair,
    same_tensor,
    tensor,
)

TOGETHER = Limits(seconds=40, processes=5, memory_mb=2000)
DTYPES = (torch.float32, torch.bfloat16)

# --- which part is whose --------------------------------------------------------------------------


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
        "ranks count from 0": [
            (size * (rank - 1) // ranks, size * rank // ranks) for rank in range(ranks)
        ],
    }
    hint = next((hint for hint, wrong in causes.items() if found == wrong), None)
    expected = [(size * rank // ranks, size * (rank + 1) // ranks) for rank in range(ranks)]
    raise Wrong(f"{size} over {ranks} ranks: not everything is just one rank's",
                f"{expected} or the like", found, hint)  # fmt: skip


@check(
    points=1,
    hints=(
        "Where does rank 0 stop, and where does rank 1 start?",
        "Each starts where the one before it stops; the last one stops at size.",
        "size * rank // ranks, size * (rank + 1) // ranks",
    ),
)
def a_fair_share(work: Work) -> None:
    draw = work.draw
    for ranks in (2, 3, 4, draw.integer(5, 9)):
        shares(work, ranks * draw.integer(1, 9), ranks)
        shares(work, ranks * draw.integer(1, 9) + draw.integer(1, ranks - 1), ranks)
    shares(work, 9, 8)  # rounding up: 2 each, and nothing for the last ones
    shares(work, 15, 8)
    shares(work, draw.integer(5, 40), 1)


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


@check(
    points=2,
    needs=("a fair share",),
    hints=(
        "A weight is [out, in]: which dimension are the outputs, which the inputs?",
        "Outputs are rows (dimension 0), inputs are columns (dimension 1); share says which ones.",
        "start, stop = share(weight.shape[0], rank, ranks); weight[start:stop].clone()",
    ),
)
def parts_of_a_weight(work: Work) -> None:
    draw = work.draw
    for dtype in DTYPES:
        for name, dim in (("column_part", 0), ("row_part", 1)):
            ranks = draw.integer(2, 5)
            outputs, inputs = draw.integer(ranks, 30), draw.integer(31, 50)
            if dim == 0:
                outputs, inputs = inputs, outputs
            weight = draw.normal(outputs, inputs).to(dtype)
            for rank, (start, stop) in enumerate(shares(work, weight.shape[dim], ranks)):
                found = work.call("driver:stored", name, weight, rank, ranks)
                what = f"{name} of rank {rank} of {ranks}"
                same_part(found["made"], weight, dim, start, stop, what, rank, ranks)
                if not torch.equal(found["arguments"][0], weight):
                    raise Wrong(f"{name} changes the weight that it is given")


@check(
    points=1,
    needs=("parts of a weight",),
    hints=(
        "Is the whole weight gone from memory when only this part is left?",
        "A slice is a view of the whole; .contiguous() copies only what is not contiguous yet.",
        "weight[start:stop].clone()",
    ),
)
def a_part_in_memory_of_its_own(work: Work) -> None:
    draw = work.draw
    for dtype in DTYPES:
        for name, dim in (("column_part", 0), ("row_part", 1)):
            ranks = draw.integer(2, 4)
            weight = draw.normal(draw.integer(9, 30), draw.integer(9, 30)).to(dtype)
            for rank, (start, stop) in enumerate(shares(work, weight.shape[dim], ranks)):
                found = work.call("driver:stored", name, weight, rank, ranks)
                most = cut(weight, dim, start, stop).numel() * dtype.itemsize
                if found["together"] > most:
                    raise Wrong(
                        f"rank {rank} of {ranks} keeps the memory of more than its {name}",
                        f"{most} bytes", f"{found['together']} bytes", VIEW,
                    )  # fmt: skip


VIEW = (
    "a slice is a view: it keeps the whole weight in memory. clone() copies it (contiguous() does "
    "not copy rows, which are contiguous already)"
)


# --- attention by heads ---------------------------------------------------------------------------


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


@check(
    points=2,
    needs=("a fair share",),
    hints=(
        "Which are this rank's query heads, and at which key/value head does each of them look?",
        "Query head h looks at key/value head h // (heads // kv_heads). Take the first and the "
        "last of the rank's query heads.",
        "start, stop = share(heads, rank, ranks); start // group, (stop - 1) // group + 1",
    ),
)
def the_key_heads_of_a_rank(work: Work) -> None:
    draw = work.draw
    for ranks in (2, 4, draw.choice([6, 8])):
        for kind, least in (("all", 2), ("some", 2), ("all", 1), ("some", 1), ("fewer", 1)):
            heads, kv_heads = drawn_heads(draw, ranks, kind, least)
            for rank in range(ranks):
                needed = kv_heads_of(heads, kv_heads, rank, ranks)
                expected = [needed[0], needed[-1] + 1]
                what = f"kv_share({heads}, {kv_heads}, {rank}, {ranks})"
                actual = pair(work.call("kv_share", heads, kv_heads, rank, ranks), what)
                if actual == expected:
                    continue
                own = heads_of(heads, rank, ranks)
                raise Wrong(
                    f"{what} is off: the rank has query heads {own[0]} to {own[-1]}, which look at "
                    f"{', '.join(map(str, needed))}",
                    expected, actual, cause_of_heads(actual, heads, kv_heads, rank, ranks),
                )  # fmt: skip


def cause_of_heads(
    actual: list[Any], heads: int, kv_heads: int, rank: int, ranks: int
) -> str | None:
    needed = kv_heads_of(heads, kv_heads, rank, ranks)
    own = heads_of(heads, rank, ranks)
    even = [kv_heads * rank // ranks, kv_heads * (rank + 1) // ranks]
    each = max(1, kv_heads // ranks)
    few = (
        "with fewer key/value heads than ranks, several ranks need the same one: an even share "
        "would be none, or half of one"
    )
    if kv_heads < ranks and actual == even:
        return few
    causes = [
        ([own[0], own[-1] + 1], "these are its query heads: divide by those that share a key head"),
        ([0, kv_heads], "those are all key/value heads: only those that its query heads look at"),
        ([needed[0], needed[-1]], "stop is the first head that it does NOT need"),
        ([rank % kv_heads, rank % kv_heads + each], "neighbouring query heads, and so neighbouring "
         "ranks, look at the same key/value head: h // group, not h % kv_heads"),
        ([needed[0], needed[-1] + 2], "that is one head too many: the last query head is stop - 1"),
    ]  # fmt: skip
    hint = next((hint for wrong, hint in causes if actual == wrong), None)
    whole = all(isinstance(end, int) for end in actual)
    if hint is None and whole and actual[0] == actual[1]:
        return few if kv_heads < ranks else None
    if hint is None and whole and not 0 <= actual[0] < actual[1] <= kv_heads:
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
    dim = dim or draw.integer(10, 14) * 2 + 1
    shapes = {
        "q": (heads * size, dim), "k": (kv_heads * size, dim), "v": (kv_heads * size, dim),
        "o": (dim, heads * size), "gate": (hidden, dim), "up": (hidden, dim), "down": (dim, hidden),
    }  # fmt: skip
    weights = {name: 1.5 * draw.normal(*shape) / shape[1] ** 0.5 for name, shape in shapes.items()}
    return Layer(weights, heads, kv_heads, size)


@check(
    points=3,
    needs=("a part in memory of its own", "the key heads of a rank"),
    hints=(
        "Which of the seven are column-parallel, and which row-parallel?",
        "q, k, v, gate and up are cut by outputs, o and down by inputs. k and v by kv_share, where "
        "head h has rows h * D to (h + 1) * D.",
        "size = q.shape[0] // heads; first, last = kv_share(...); "
        "k[first * size : last * size].clone(); the others by column_part and row_part",
    ),
)
def parts_of_a_layer(work: Work) -> None:
    draw = work.draw
    for kind in ("all", "some", "fewer"):
        ranks = draw.choice([2, 4])
        layer = drawn_layer(draw, *drawn_heads(draw, ranks, kind), ranks)
        width = layer.weights["gate"].shape[0]
        hidden = shares(work, width, ranks)
        arguments = (layer.weights, layer.heads, layer.kv_heads)
        for rank in range(ranks):
            found = work.call("driver:stored", "layer_part", *arguments, rank, ranks)
            part = found["made"]
            if not isinstance(part, dict) or set(part) != set(layer.weights):
                told = sorted(part) if isinstance(part, dict) else type(part).__name__
                raise Wrong("layer_part: not the same names", sorted(layer.weights), told)
            for name, weight in layer.weights.items():
                same_layer_part(part[name], layer, name, hidden[rank], rank, ranks)
                if not torch.equal(found["arguments"][0][name], weight):
                    raise Wrong(f"layer_part changes the {name} that it is given")
            if found["together"] > sum(part[name].numel() * 4 for name in part):
                name = next(name for name in part if found["bytes"][name] > part[name].numel() * 4)
                raise Wrong(
                    f"{name} of rank {rank} of {ranks} keeps more than its part in memory",
                    f"{part[name].numel() * 4} bytes", f"{found['bytes'][name]} bytes", VIEW,
                )  # fmt: skip


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
            if len(where) and (weight[where[0, 0], : actual.shape[1]] == actual[0]).all():
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
        if (
            name in "kv" and actual.dim() == 2 and actual.shape[1] == whole.shape[1]
            and list(actual.shape) != list(whole.shape)
            and actual.shape[0] != expected.shape[0]
        ):  # fmt: skip
            raise Wrong(
                f"{what} has {actual.shape[0]} rows, and a head has {size}",
                f"heads {rows_as_heads(rows, size)}: {expected.shape[0]} rows", actual.shape[0],
                "k and v are cut by whole heads, those of kv_share: not evenly by rows",
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
        for wrong, hint in causes:
            if torch.equal(actual, wrong()) and actual.numel():
                raise Wrong(f"{what} is off", f"heads {rows_as_heads(rows, size)}", None, hint)
    same_part(actual, whole, dim, start, stop, what, rank, ranks)


def rows_as_heads(rows: list[int], size: int) -> str:
    first, last = rows[0] // size, rows[-1] // size
    return str(first) if first == last else f"{first} to {last}"


# --- at work on real ranks ------------------------------------------------------------------------


def done_on_ranks(found: dict[str, Any]) -> list[Any]:
    """What every rank has, if all came to an end; else raises Wrong and tells what went wrong."""
    if "fault" in found:
        rank, kind, name, text, line = found["fault"]
        where = f" (line {line})" if line else ""
        if kind == "not written":
            raise Wrong(f"not written yet{where}")
        hint = next((hint for words, hint in FAULTS.items() if words in f"{name} {text}"), None)
        raise Wrong(f"rank {rank}: {name}{where}{': ' if text else ''}{text}", hint=hint)
    if "waits" in found:
        rank, (kind, shape), count, ready = found["waits"]
        raise Wrong(
            f"rank {rank} waits for ever in its exchange number {count} ({kind} of {shape}), which "
            f"rank {ready} never makes",
            hint="every rank must make the same exchanges in the same order: none in an if that "
            "only some ranks come to",
        )
    if "differ" in found:
        count, first, rank, other = found["differ"]
        raise Wrong(
            f"exchange number {count} is not the same on all ranks",
            f"rank 0: {first[0]} of {first[1]}", f"rank {rank}: {other[0]} of {other[1]}",
            "parts that differ in shape cannot be added up: exchange only after a row-parallel "
            "product, whose parts all have the whole shape"
            if first[0] == other[0]
            else "every rank must make the same exchanges in the same order",
        )  # fmt: skip
    if "slow" in found:
        raise Wrong(
            "the ranks were not done in time", hint="do they wait for each other, or loop for ever?"
        )
    return found["done"]


FAULTS = {
    "group has not been initialized": "the ranks have met already, and meet once: leave the group "
    "as it is",
    "AVG": "parts of a sum are added up: the sum, not the mean",
    "contiguous": "all_reduce wants a contiguous tensor: y.contiguous() before, and use that",
    "twice": "the ranks have met already: init_process_group is not yours to call",
    "trying to initialize": "the ranks have met already: init_process_group is not yours to call",
    "SystemExit": "a rank that leaves keeps the others waiting: return in place of it",
    "shapes cannot be multiplied": "does each rank multiply its part of x by its part of the "
    "weight, transposed?",
    "must match the size": "do the parts fit together: this rank's outputs of the first product "
    "are its inputs of the second?",
}


def exchanged(parts: list[Tensor], how: str) -> list[Tensor]:
    """What each rank has after an exchange of ``parts``, rightly ("sum") or wrongly."""
    total = torch.stack(parts).sum(0)
    count = len(parts)
    return {
        "sum": [total] * count,
        "none": parts,
        "twice": [total * count] * count,
        "mean": [total / count] * count,
        "first": [total, *parts[1:]],
        "others": [parts[0] for _ in parts],
        "largest": [torch.stack(parts).amax(0)] * count,
    }[how]


MISSING = (
    "this is one rank's part of the sum: the all-reduce is missing, or was not waited for "
    "(async_op), or its result not used"
)
EXCHANGES = {
    "none": MISSING,
    "twice": "added up twice: after an all-reduce every rank has the sum, and a second one "
    "multiplies it by the number of ranks",
    "mean": "that is the mean: parts of a sum are added up",
    "first": "only rank 0 has the sum: reduce is not all-reduce",
    "others": "every rank has rank 0's part: a broadcast adds nothing up",
    "largest": "that is the largest of the parts: parts of a sum are added up",
}


def same_on_all(
    actual: list[Any], expected: Tensor, causes: list[tuple[list[Tensor], str]], what: str,
    hint: str | None, within: float = 1e-4,
) -> None:  # fmt: skip
    """Raises Wrong, with the cause that gives what all ranks have, unless each has ``expected``."""
    found = [
        tensor(one, f"{what} of rank {rank}", expected.shape) for rank, one in enumerate(actual)
    ]
    bad = [rank for rank, one in enumerate(found) if not is_close(one, expected, within)]
    if not bad:
        return
    for wrong, cause in causes:
        if all(is_close(a, w, max(within, 1e-4)) for a, w in zip(found, wrong, strict=True)):
            hint = cause
            break
    largest = expected.abs().max()
    off = ~((found[bad[0]].double() - expected).abs() <= within * largest)
    place = tuple(off.nonzero()[0].tolist())
    raise Wrong(
        f"rank {bad[0]} of {len(found)}: {what} differs at {list(place)} from that of one process",
        f"{expected[place]:.5g}", f"{found[bad[0]][place]:.5g}", hint,
    )  # fmt: skip


def counted(exchanges: list[Any]) -> str:
    """ "2 all-reduces", "1 all-reduce, 1 all-gather", "nothing"."""
    kinds = [kind for kind, _ in exchanges]
    told = [
        f"{kinds.count(kind)} {kind}{'s' if kinds.count(kind) > 1 else ''}"
        for kind in dict.fromkeys(kinds)
    ]
    return ", ".join(told) or "nothing"


@check(
    points=3,
    limits=TOGETHER,
    hints=(
        "What has a rank after its product: different outputs, or parts of the same ones?",
        "column_linear: different outputs, nothing to exchange. row_linear: parts of a sum; "
        "all_reduce adds them up, and the bias comes after it, once.",
        "y = x @ weight.T; dist.all_reduce(y); return y if bias is None else y + bias",
    ),
)
def two_linear_layers_on_two_ranks(work: Work) -> None:
    draw, ranks = work.draw, 2
    calls, cases = [], []
    odd = draw.integer(0, 1)
    for tokens, dtype, with_bias in (
        (draw.integer(3, 6), torch.float32, False),
        (draw.integer(3, 6), torch.float32, True),
        (1, torch.float32, True),
        (draw.integer(3, 6), torch.bfloat16, True),
    ):
        outputs, inputs = draw.integer(5, 12) * 2, draw.integer(13, 20) * 2 + odd
        x, weight = draw.normal(tokens, inputs).to(dtype), draw.normal(outputs, inputs).to(dtype)
        bias = 3 * draw.normal(outputs).to(dtype) if with_bias else None
        for name in ("column_linear", "row_linear"):
            dim = 0 if name == "column_linear" else 1
            ends = [weight.shape[dim] * rank // ranks for rank in range(ranks + 1)]
            parts = [cut(weight, dim, ends[r], ends[r + 1]).clone() for r in range(ranks)]
            if dim == 0:
                given = [[x, part] for part in parts]
            else:
                given = [[x[:, ends[r] : ends[r + 1]].clone(), parts[r], bias] for r in (0, 1)]
            calls.append([name, given])
            cases.append((name, x, weight, bias, given))
    done = done_on_ranks(work.call("driver:on_ranks", ranks, calls))
    for index, (name, x, weight, bias, given) in enumerate(cases):
        told = [one[index] for one in done]
        judge = judge_column if name == "column_linear" else judge_row
        judge(told, x, weight, bias, given)
        for rank in range(ranks):
            for before, after in zip(given[rank], told[rank]["arguments"], strict=True):
                if isinstance(before, Tensor) and not torch.equal(before, after):
                    raise Wrong(
                        f"{name} changes what it is given", hint="it works in place (+=, add_, or "
                        "all_reduce on an argument): make a new tensor",
                    )  # fmt: skip


def judge_column(
    told: list[Any], x: Tensor, weight: Tensor, bias: Tensor | None, given: list[Any]
) -> None:
    if told[0]["exchanges"]:
        raise Wrong(
            "column_linear exchanges something", "nothing", counted(told[0]["exchanges"]),
            "the ranks have DIFFERENT outputs after a column-parallel product: no sum of them "
            "means anything, and the next product wants this rank's alone",
        )  # fmt: skip
    for rank, (one, (_, part)) in enumerate(zip(told, given, strict=True)):
        expected = x.double() @ part.double().T
        value = tensor(one["value"], f"column_linear of rank {rank}", expected.shape, x.dtype)
        within = 0.02 if x.dtype == torch.bfloat16 else 1e-4
        same_tensor(value, expected, f"column_linear of rank {rank}", within)


def judge_row(
    told: list[Any], x: Tensor, weight: Tensor, bias: Tensor | None, given: list[Any]
) -> None:
    ranks = len(given)
    within = 0.02 if x.dtype == torch.bfloat16 else 1e-4
    parts = [own.double() @ part.double().T for own, part, _ in given]
    added = torch.zeros(weight.shape[0]).double() if bias is None else bias.double()
    total = torch.stack(parts).sum(0)
    expected = total + added
    causes = [
        ([one + added for one in exchanged(parts, how)], hint) for how, hint in EXCHANGES.items()
    ]
    if bias is not None:
        once = "the bias is added on every rank, and the all-reduce adds those up: add it after"
        causes += [
            (exchanged([one + added for one in parts], "sum"), once),
            ([expected + added * ranks] * ranks, once),
            ([total] * ranks, "the bias is missing"),
            ([expected, *[total] * (ranks - 1)],
             "only rank 0 has the bias: after the all-reduce, every rank adds it"),
            (exchanged([one + added for one in parts], "twice"), EXCHANGES["twice"]),
            (exchanged([one + added for one in parts], "mean"),
             "that is the mean of the parts: divide nothing, and add the bias after the sum"),
        ]  # fmt: skip
    shapes = [shape for _, shape in told[0]["exchanges"]]
    hint = None
    if any(shape != list(expected.shape) for shape in shapes):
        hint = f"exchanged is {shapes[0]}, and the parts of the sum are {list(expected.shape)}: "
        hint += "exchange only after the product"
    values = [one["value"] for one in told]
    late = [
        one + added if isinstance(value, Tensor) and is_close(value, one + added, 1e-4) else total
        for value, one in zip(values, parts, strict=True)
    ]
    causes.append(([one if one is not total else expected for one in late], MISSING))
    same_on_all(values, expected, causes, "row_linear", hint, within)
    tensor(values[0], "row_linear", expected.shape, x.dtype)
    kinds = [kind for kind, _ in told[0]["exchanges"]]
    if kinds != ["all-reduce"]:
        hint = "gathering everything and adding it up here moves more, and needs more memory"
        if "all-gather" not in kinds:
            hint = "one all-reduce of the whole product is enough"
        raise Wrong("row_linear exchanges too much", "1 all-reduce", counted(told[0]["exchanges"]),
                    hint)  # fmt: skip


# --- a layer --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """How a layer may be done: the right way, or a wrong one.

    Attributes:
        attention, mlp: how the parts of each are exchanged.
        inside: the residual is added before the exchange: after attention, after the MLP.
        kept: the residual is added at all: after attention, after the MLP.
        normed: before attention, before the MLP.
        late: what attention gave is exchanged with what the MLP gave, and not before.
    """

    attention: str = "sum"
    mlp: str = "sum"
    inside: tuple[bool, bool] = (False, False)
    kept: tuple[bool, bool] = (True, True)
    normed: tuple[bool, bool] = (True, True)
    late: bool = False
    side_by_side: bool = False
    swapped: bool = False


RIGHT = Way()
INSIDE = (
    "x is added before the all-reduce, on every rank: its sum has x once for each rank. Add up "
    "what the ranks computed, then add x"
)
LATE = "the MLP needs the whole x: without an all-reduce after o, each rank feeds it a part"


def mistakes() -> list[tuple[Way, str]]:
    found = []
    for how, hint in EXCHANGES.items():
        found += [
            (Way(attention=how), f"after attention (o): {hint}"),
            (Way(mlp=how), f"after the MLP (down): {hint}"),
            (Way(attention=how, mlp=how), f"after attention and after the MLP: {hint}"),
        ]
    found += [
        (Way(inside=(True, True)), INSIDE),
        (Way(inside=(True, False)), f"after attention: {INSIDE}"),
        (Way(inside=(False, True)), f"after the MLP: {INSIDE}"),
        (Way(attention="none", inside=(False, True)), f"{LATE}; and at the end x is added up too"),
        (Way(late=True), LATE),
        (Way(side_by_side=True), "the MLP reads x AFTER attention was added to it"),
        (Way(kept=(False, True)), "x is not added to what attention gives"),
        (Way(kept=(True, False)), "x is not added to what the MLP gives"),
        (Way(kept=(False, False)), "x is not added to what attention and MLP give"),
        (Way(normed=(False, True)), "unit(x) goes into attention, not x"),
        (Way(normed=(True, False)), "unit(x) goes into the MLP, not x"),
        (Way(normed=(False, False)), "unit(x) goes into attention and the MLP, not x"),
        (Way(swapped=True), "silu is taken of gate, not of up"),
    ]
    return found


def unit(x: Tensor) -> Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()


def attended(h: Tensor, part: dict[str, Tensor], size: int) -> Tensor:
    """[T, heads * D], one token after the other."""
    q, k, v = ((h @ part[name].double().T).unflatten(1, (-1, size)) for name in "qkv")
    looked = [head // (q.shape[1] // k.shape[1]) for head in range(q.shape[1])]
    k, v = k[:, looked], v[:, looked]  # [T, heads, D], as q
    rows = []
    for t in range(h.shape[0]):
        scores = (k[: t + 1] * q[t]).sum(2) / size**0.5  # [t + 1, heads]
        rows.append((torch.softmax(scores, dim=0)[:, :, None] * v[: t + 1]).sum(0))
    return torch.stack(rows).flatten(1)


def layer_on_ranks(
    xs: list[Tensor], parts: list[dict[str, Tensor]], size: int, way: Way = RIGHT
) -> list[Tensor]:
    """x of each rank after a layer, in fp64."""

    def joined(own: list[Tensor], given: list[Tensor], how: str, place: int) -> list[Tensor]:
        if not way.kept[place]:
            return exchanged(own, how)
        if way.inside[place]:
            return exchanged([x + one for x, one in zip(given, own, strict=True)], how)
        return [x + one for x, one in zip(given, exchanged(own, how), strict=True)]

    def mlp(x: Tensor, part: dict[str, Tensor]) -> Tensor:
        h = unit(x) if way.normed[1] else x
        gate, up = h @ part["gate"].double().T, h @ part["up"].double().T
        gate, up = (up, gate) if way.swapped else (gate, up)
        return (gate * torch.sigmoid(gate) * up) @ part["down"].double().T

    first = [unit(x) if way.normed[0] else x for x in xs]
    own = [
        attended(h, part, size) @ part["o"].double().T for h, part in zip(first, parts, strict=True)
    ]
    if way.late or way.side_by_side:
        fed = xs if way.side_by_side else [x + one for x, one in zip(xs, own, strict=True)]
        both = [one + mlp(x, part) for one, x, part in zip(own, fed, parts, strict=True)]
        return joined(both, xs, "sum", 1)
    xs = joined(own, xs, way.attention, 0)
    return joined([mlp(x, part) for x, part in zip(xs, parts, strict=True)], xs, way.mlp, 1)


def whole_layer(x: Tensor, layer: Layer) -> Tensor:
    """x after the layer, of one process that has all weights."""
    return layer_on_ranks([x], [layer.weights], layer.size)[0]


def where_exchanged(exchanges: list[Any], shape: list[int], layers: int) -> str | None:
    """What the kinds, the shapes or the number of exchanges tell about what is wrong."""
    kinds = [kind for kind, _ in exchanges]
    strange = next((one for kind, one in exchanges if kind == "all-reduce" and one != shape), None)
    if strange:
        return (
            f"an all-reduce of {strange} adds up different outputs of a column-parallel product, "
            f"or parts of x: what is partial has the shape of x, {shape}. Exchange after o and down"
        )
    if kinds == ["all-reduce"] * (2 * layers):
        return None
    if "all-reduce" not in kinds:
        return MISSING
    if len(kinds) < 2 * layers:
        return "attention ends in a row-parallel product, and so does the MLP: an all-reduce each"
    return "nothing but the products of o and of down is partial: nothing else is exchanged"


def counted_rightly(exchanges: list[Any], layers: int, shape: list[int]) -> None:
    """Raises Wrong unless there are two all-reduces a layer, and nothing else."""
    if [kind for kind, _ in exchanges] != ["all-reduce"] * (2 * layers):
        raise Wrong(
            f"the result of {layers} layer{'s' if layers > 1 else ''} is right, and the exchanges "
            "are not two all-reduces a layer",
            f"{2 * layers} all-reduces", counted(exchanges),
            where_exchanged(exchanges, shape, layers),
        )  # fmt: skip


@check(
    points=3,
    limits=TOGETHER,
    needs=("two linear layers on two ranks",),
    hints=(
        "Which two of the seven products are row-parallel?",
        "q, k, v, gate and up are column_linear; o and down are row_linear, and x is added after.",
        "x = x + row_linear(attend(q, k, v, size), part['o'], None), and the same for the MLP",
    ),
)
def a_layer_on_two_ranks(work: Work) -> None:
    draw, ranks = work.draw, 2
    calls, cases = [], []
    for kind, tokens in (("some", draw.integer(3, 6)), ("all", 1)):
        layer = drawn_layer(draw, *drawn_heads(draw, ranks, kind, least=2), ranks)
        x = 2 * draw.normal(tokens, layer.weights["q"].shape[1])
        parts = [layer.part(rank, ranks) for rank in range(ranks)]
        calls.append(["layer", [[x, part, layer.size] for part in parts]])
        cases.append((x, layer, parts))
    done = done_on_ranks(work.call("driver:on_ranks", ranks, calls))
    for index, (x, layer, parts) in enumerate(cases):
        told = [one[index] for one in done]
        exchanges = told[0]["exchanges"]
        shape = list(x.shape)
        xs = [x.double()] * ranks
        values = [one["value"] for one in told]
        expected = whole_layer(x.double(), layer)
        if not all(isinstance(v, Tensor) and is_close(v, expected, 1e-4) for v in values):
            causes = [
                (layer_on_ranks(xs, parts, layer.size, way), hint) for way, hint in mistakes()
            ]
            hint = where_exchanged(exchanges, shape, 1)
            same_on_all(values, expected, causes, "x after the layer", hint)
        counted_rightly(exchanges, 1, shape)
        for one, part in zip(told, parts, strict=True):
            after_x, after_part, _ = one["arguments"]
            if not torch.equal(after_x, x):
                raise Wrong(
                    "layer changes the x that it is given", hint="x += ... works in place: "
                    "x = x + ... makes a new tensor",
                )  # fmt: skip
            if any(not torch.equal(after_part[name], part[name]) for name in part):
                raise Wrong("layer changes the weights that it is given")


@check(
    points=3,
    limits=TOGETHER,
    needs=("parts of a layer", "a layer on two ranks"),
    hints=(
        "All pieces were right on two ranks. What is different with four, or with two layers?",
        "Fewer key/value heads than ranks, a hidden width that does not divide by four; and the "
        "second layer begins with what the first gave.",
        "take sizes from the tensors (weight.shape), and nothing from numbers that you remember",
    ),
)
def two_layers_on_four_ranks(work: Work) -> None:
    """From the whole weights to the same output, with a share of the bytes."""
    draw, ranks, count = work.draw, 4, 2
    heads, kv_heads = drawn_heads(draw, ranks, "fewer")
    first = drawn_layer(draw, heads, kv_heads, ranks)
    size, dim = first.size, first.weights["q"].shape[1]
    layers = [first, drawn_layer(draw, heads, kv_heads, ranks, size, dim)]
    x = 2 * draw.normal(draw.integer(3, 6), dim)
    done = done_on_ranks(
        work.call(
            "driver:layers_on_ranks", ranks, [one.weights for one in layers], heads, kv_heads,
            size, x,
        )
    )  # fmt: skip
    expected = x.double()
    for layer in layers:
        expected = whole_layer(expected, layer)
    exchanges, shape = done[0]["exchanges"], list(x.shape)
    hint = where_exchanged(exchanges, shape, count)
    same_on_all([one["x"] for one in done], expected, [], f"x after {count} layers", hint, 2e-4)
    counted_rightly(exchanges, count, shape)
    fractions = [shares(work, layer.weights["gate"].shape[0], ranks) for layer in layers]
    for rank, one in enumerate(done):
        most = 0
        for layer, ends in zip(layers, fractions, strict=True):
            start, stop = ends[rank]
            rows = sum(len(layer.rows_of(name, rank, ranks)) for name in "qkvo")
            most += 4 * dim * (rows + 3 * (stop - start))
        if one["held"] > most:
            whole = sum(w.numel() * 4 for layer in layers for w in layer.weights.values())
            raise Wrong(
                f"rank {rank} of {ranks} holds more than its part, of {whole} bytes",
                f"{most} bytes", f"{one['held']} bytes", VIEW,
            )  # fmt: skip
