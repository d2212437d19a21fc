"""Hidden checks of tensor parallelism: many ranks, and results that somebody keeps."""

from workshop.learn.checking import Work, Wrong, check, tensor

from .. import TOGETHER, judge_layer_parts
from ..exchanges import done_on_ranks, not_none
from ..layers import drawn_heads, drawn_layer, in_bf16, square_layer
from ..weights import cut


@check(
    points=1,
    hints=(
        "What is different with eight ranks, or with square weights in bf16?",
        "Nothing: take the heads of kv_share, and sizes and dtypes from the tensors.",
        "weight[start:stop].clone()",
    ),
)
def a_layer_on_eight_ranks(work: Work) -> None:
    draw = work.draw
    kv_heads = draw.choice([2, 4, 8])
    judge_layer_parts(work, in_bf16(square_layer(draw, 8 * draw.integer(1, 2), kv_heads)), 8)
    judge_layer_parts(work, in_bf16(drawn_layer(draw, *drawn_heads(draw, 6, "some"), 6)), 6)


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
        if name == "row_linear":
            not_none([one[index]["value"] for one in done], right[index][0])
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
