"""Checks of tensor parallelism: parts of weights first, then real ranks that exchange sums."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workshop.judge.limits import Limits
from workshop.learn.checking import Work, Wrong, check, is_close, pair

from .exchanges import done_on_ranks, judge_column, judge_row, same_on_all
from .layers import (
    Heads,
    Layer,
    cause_of_heads,
    drawn_heads,
    drawn_layer,
    heads_of,
    in_bf16,
    kv_heads_of,
    right_heads,
    same_layer_part,
    square_layer,
)
from .reference import counted_rightly, layer_on_ranks, mistakes, where_exchanged, whole_layer
from .weights import KEPT, VIEW, cut, same_part, shares, why_more

TOGETHER = Limits(seconds=40, processes=5, memory_mb=2000, network="loopback")
DTYPES = (torch.float32, torch.bfloat16)


# --- which part is whose --------------------------------------------------------------------------


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
    shares(work, 9, 8)  # rounding up: 2 each, and nothing for the last ones
    shares(work, 15, 8)
    shares(work, 61, 7)  # 61 / 7 * 7 is a little less than 61
    for ranks in (2, 3, 4, draw.integer(5, 9)):
        shares(work, ranks * draw.integer(1, 9), ranks)
        shares(work, ranks * draw.integer(1, 9) + draw.integer(1, ranks - 1), ranks)
    shares(work, draw.integer(5, 40), 1)


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
            short, long = draw.integer(ranks, 30), draw.integer(31, 50)
            for outputs, inputs, count in (
                (long, short, ranks) if dim == 0 else (short, long, ranks),
                (10, 10, 4),  # square, and 2 or 3 for a rank
                (9, 12, 2) if dim == 0 else (12, 9, 2),
            ):
                weight = draw.normal(outputs, inputs).to(dtype)
                judge_part(work, name, weight, count)


def judge_part(work: Work, name: str, weight: Tensor, ranks: int) -> list[dict[str, Any]]:
    """What each rank has, if that is its part of the weight; else raises Wrong."""
    dim = 0 if name == "column_part" else 1
    every = []
    for rank, (start, stop) in enumerate(shares(work, weight.shape[dim], ranks)):
        found = work.call("driver:stored", name, weight, rank, ranks)
        what = f"{name} of rank {rank} of {ranks}"
        same_part(found["made"], weight, dim, start, stop, what, rank, ranks)
        if found["changed"]:
            raise Wrong(f"{name} changes the weight that it is given")
        every.append(found)
    return every


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
        for name in ("column_part", "row_part"):
            ranks = draw.integer(2, 4)
            weight = draw.normal(draw.integer(9, 30), draw.integer(9, 30)).to(dtype)
            for rank, found in enumerate(judge_part(work, name, weight, ranks)):
                most = found["made"].numel() * dtype.itemsize
                if found["held"] > most:
                    raise Wrong(
                        f"rank {rank} of {ranks} keeps the memory of more than its {name}",
                        f"{most} bytes", f"{found['held']} bytes", why_more(found, most),
                    )  # fmt: skip


# --- attention by heads ---------------------------------------------------------------------------


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

    def told(case: Heads) -> list[Any]:
        return pair(work.call("kv_share", *case), f"kv_share{case}")

    for ranks in (2, 4, draw.choice([6, 8])):
        for kind, least in (("all", 2), ("some", 2), ("all", 1), ("some", 1), ("fewer", 1)):
            heads, kv_heads = drawn_heads(draw, ranks, kind, least)
            for rank in range(ranks):
                case = (heads, kv_heads, rank, ranks)
                actual, expected = told(case), right_heads(*case)
                if actual == expected:
                    continue
                own, needed = heads_of(heads, rank, ranks), kv_heads_of(*case)
                more = [
                    (8, 2, 3, 4),
                    (8, 4, 5, 8),
                    (12, 6, 1, 2),
                    (8, 8, 2, 4),
                    (*case[:2], 0, ranks),
                ]
                raise Wrong(
                    f"kv_share{case} is off: the rank has query heads {own[0]} to {own[-1]}, which "
                    f"look at {', '.join(map(str, needed))}",
                    expected, actual,
                    cause_of_heads([(actual, case), *((told(one), one) for one in more)]),
                )  # fmt: skip


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
    layers = []
    for kind in ("all", "some", "fewer"):
        ranks = draw.choice([2, 4])
        layers.append((drawn_layer(draw, *drawn_heads(draw, ranks, kind), ranks), ranks))
    layers.append((square_layer(draw, 4, 4), 2))  # where rows and columns are easily exchanged
    layers.append((square_layer(draw, 8, 2), 4))
    layers.append((in_bf16(layers[1][0]), layers[1][1]))
    for layer, ranks in layers:
        judge_layer_parts(work, layer, ranks)


def judge_layer_parts(work: Work, layer: Layer, ranks: int) -> None:
    """Raises Wrong unless each rank has its part of the layer, and nothing beside it."""
    hidden = shares(work, layer.weights["gate"].shape[0], ranks)
    arguments = (layer.weights, layer.heads, layer.kv_heads)
    for rank in range(ranks):
        found = work.call("driver:stored", "layer_part", *arguments, rank, ranks)
        part = found["made"]
        if not isinstance(part, dict) or set(part) != set(layer.weights):
            told = sorted(part) if isinstance(part, dict) else type(part).__name__
            raise Wrong("layer_part: not the same names", sorted(layer.weights), told)
        for name, weight in layer.weights.items():
            one = part[name]
            if isinstance(one, Tensor) and one.dtype != weight.dtype:
                raise Wrong(
                    f"{name} of rank {rank} of {ranks} has another dtype than the weight",
                    str(weight.dtype), str(one.dtype),
                    "a part has the dtype of its weight: fp32 takes twice the memory of bf16",
                )  # fmt: skip
            same_layer_part(one, layer, name, hidden[rank], rank, ranks)
        if found["changed"]:
            raise Wrong(f"layer_part changes the {found['changed'][0]} that it is given")
        sizes = {name: one.numel() * one.element_size() for name, one in part.items()}
        own = sum(sizes.values())
        if found["together"] > own:
            larger = [name for name in part if found["bytes"][name] > sizes[name]]
            name = (larger or list(part))[0]
            raise Wrong(
                f"{name} of rank {rank} of {ranks} keeps more than its part in memory",
                f"{sizes[name]} bytes", f"{found['bytes'][name]} bytes", why_more(found, own),
            )  # fmt: skip
        if found["held"] > own:
            raise Wrong(
                f"rank {rank} of {ranks} keeps more in memory than its part of the layer",
                f"{own} bytes", f"{found['held']} bytes", KEPT,
            )  # fmt: skip


# --- at work on real ranks ------------------------------------------------------------------------


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
    ran = work.call("driver:on_ranks", ranks, calls)
    if "fault" in ran:  # perhaps an earlier call went wrong without an error
        for call, (name, x, weight, bias, given) in zip(calls, cases, strict=True):
            first = done_on_ranks(work.call("driver:on_ranks", ranks, [call]))
            judge = judge_column if name == "column_linear" else judge_row
            judge([one[0] for one in first], x, weight, bias, given)
    done = done_on_ranks(ran)
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


# --- a layer --------------------------------------------------------------------------------------


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
                f"{most} bytes", f"{one['held']} bytes", VIEW if one["stored"] > most else KEPT,
            )  # fmt: skip
