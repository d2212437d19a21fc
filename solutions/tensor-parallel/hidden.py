"""Hidden checks of tensor parallelism: a model in bf16, and results that somebody keeps."""

import torch
from torch import Tensor

from workshop.learn.checking import Work, Wrong, check, same_tensor, tensor

from .. import TOGETHER
from ..exchanges import done_on_ranks
from ..layers import Layer, drawn_heads, drawn_layer
from ..weights import cut, shares


@check(
    points=1,
    hints=(
        "Of which dtype is what torch.empty(shape) makes?",
        "fp32, whatever is copied into it: a part has the dtype of its weight.",
        "weight[start:stop].clone()",
    ),
)
def a_layer_in_bf16(work: Work) -> None:
    draw, ranks = work.draw, work.draw.choice([2, 4])
    drawn = drawn_layer(draw, *drawn_heads(draw, ranks, "some"), ranks)
    weights = {name: weight.bfloat16() for name, weight in drawn.weights.items()}
    layer = Layer(weights, drawn.heads, drawn.kv_heads, drawn.size)
    hidden = shares(work, weights["gate"].shape[0], ranks)
    for rank in (0, ranks - 1):
        found = work.call(
            "driver:stored", "layer_part", weights, layer.heads, layer.kv_heads, rank, ranks
        )
        part = found["made"]
        for name in weights:
            one, what = part[name], f"{name} of rank {rank} of {ranks}"
            if isinstance(one, Tensor) and one.dtype != torch.bfloat16:
                raise Wrong(
                    f"{what} has another dtype than the weight", "torch.bfloat16",
                    str(one.dtype), "that takes twice the memory, and twice the time to read",
                )  # fmt: skip
            same_tensor(one, expected_part(layer, name, hidden[rank], rank, ranks), what, 0)
        most = sum(part[name].numel() * 2 for name in weights)
        if found["together"] > most:
            told = f"{found['together']} bytes"
            raise Wrong(f"rank {rank} of {ranks} keeps more than its part", f"{most} bytes", told)


def expected_part(
    layer: Layer, name: str, hidden: tuple[int, int], rank: int, ranks: int
) -> Tensor:
    """What is right; of the hidden width, whatever their ``share`` gives the rank."""
    if name in ("gate", "up", "down"):
        return cut(layer.weights[name], int(name == "down"), *hidden)
    return layer.part(rank, ranks)[name]


@check(
    points=1,
    limits=TOGETHER,
    hints=(
        "Whose memory is it that a result lies in?",
        "Of who called: the next call must not write over it. A buffer for all calls is not kept.",
        "y = x @ weight.T makes a new tensor at each call",
    ),
)
def results_that_are_kept(work: Work) -> None:
    """As a list of the layers' outputs would be, each looked at when all are there."""
    draw, ranks = work.draw, 2
    tokens, outputs, inputs = draw.integer(2, 5), 2 * draw.integer(4, 9), 2 * draw.integer(5, 9)
    half = inputs // 2
    calls, right = [], []
    for name in ("row_linear", "row_linear", "column_linear", "column_linear"):
        x, weight = draw.normal(tokens, inputs), draw.normal(outputs, inputs)
        if name == "row_linear":
            ends = ((0, half), (half, inputs))
            given = [[x[:, a:b].clone(), cut(weight, 1, a, b).clone(), None] for a, b in ends]
            right.append([x.double() @ weight.double().T] * ranks)
        else:
            given = [[x, part.clone()] for part in weight.chunk(2)]
            right.append([x.double() @ part.double().T for _, part in given])
        calls.append([name, given])
    done = done_on_ranks(work.call("driver:on_ranks", ranks, calls, False))
    for index, (name, _) in enumerate(calls):
        for rank in range(ranks):
            expected = right[index][rank]
            value = tensor(done[rank][index]["value"], name, expected.shape)
            if ((value.double() - expected).abs() > 1e-4 * expected.abs().max()).any():
                others = [right[i][rank] for i in range(len(calls)) if calls[i][0] == name]
                later = any((value.double() - one).abs().max() < 1e-3 for one in others)
                raise Wrong(
                    f"rank {rank}: what call {index + 1}, of {name}, gave is another after the "
                    "calls that followed" if later else f"rank {rank}: {name} is off",
                    expected[0, 0], value[0, 0],
                    "the next call writes over it: make a new tensor at each call"
                    if later else None,
                )  # fmt: skip
