"""Checks of quantisation: on weights with large and small rows, outliers and rows of zeros."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from workshop.judge.judge import FaultError
from workshop.learn.causes import Call, cause
from workshop.learn.checking import (
    Draw,
    Work,
    Wrong,
    check,
    is_close,
    judge_numbers,
    pair,
    same_tensor,
    tensor,
)

from . import slips
from .slips import added_or_smallest, alike, equal, in_double, product_cause_of

SMALL = (1e-7, 1e-15)  # sizes of weights that no smallest scale may touch


def drawn_weight(draw: Draw, outputs: int, inputs: int) -> Tensor:
    """Rows of very different sizes: a scale that is shared is seen."""
    sizes = 10 ** (2 * draw.uniform(outputs, 1) - 1)
    weight = draw.normal(outputs, inputs) * sizes
    weight[0, -1] = -2 * weight[0].abs().max()  # the largest in size is negative,
    weight[-1, 0] = 2 * weight[-1].abs().max()  # and in another row positive
    return weight


def row_scales(weight: Tensor) -> Tensor:
    return weight.double().abs().amax(1) / 127


def called_rows(work: Work, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Their values and scales, of the right form."""
    values, scale = pair(work.call("quantize_rows", weight), "quantize_rows")
    outputs, inputs = weight.shape
    if isinstance(scale, Tensor) and scale.dtype == torch.int8 and scale.shape == weight.shape:
        hint = "the values come first, then the scales"
        raise Wrong("values and scale are swapped", "values, scale", "scale, values", hint)
    if isinstance(scale, Tensor) and list(scale.shape) == [inputs] and inputs != outputs:
        raise Wrong(
            "there is a scale for each column", f"a tensor [{outputs}]", f"a tensor [{inputs}]",
            "a scale belongs to an output channel, and a row is one: take the maximum along dim 1",
        )  # fmt: skip
    if isinstance(scale, Tensor) and scale.numel() == 1 and outputs > 1:
        raise Wrong(
            "there is one scale for the whole weight", f"a tensor [{outputs}]", scale,
            "each output channel, a row, has a scale of its own",
        )  # fmt: skip
    refuse_kept_dimension(scale, [outputs])
    return (
        tensor(values, "values", [outputs, inputs], torch.int8),
        tensor(scale, "scale", [outputs], torch.float32),
    )


def refuse_kept_dimension(scale: Any, shape: list[int]) -> None:
    """Raises Wrong for scales with a last dimension of one: int8_linear is given [out]."""
    if isinstance(scale, Tensor) and list(scale.shape) == [*shape, 1]:
        raise Wrong(
            "scale has one dimension too many", f"a tensor {shape}", f"a tensor {[*shape, 1]}",
            "keepdim=True keeps a last dimension of size one: return scale.squeeze(-1)",
        )  # fmt: skip


@check(
    points=2,
    hints=(
        "Which element of a row decides its scale, and what should it become?",
        "The largest in size becomes 127: scale = largest / 127, for each row.",
        "scale = weight.float().abs().amax(dim=1) / 127",
    ),
)
def a_scale_for_each_row(work: Work) -> None:
    """Two weights of one shape, a square one, one row, one column, and weights of other sizes."""
    draw = work.draw
    outputs, inputs = draw.integer(4, 9), draw.integer(11, 40)
    shapes = [(outputs, inputs), (outputs, inputs), (7, 7), (1, inputs), (outputs, 1)]
    weights = [drawn_weight(draw, *shape) for shape in shapes]
    judge_scales(work, [*weights, *(size * drawn_weight(draw, 5, 20) for size in (*SMALL, 1e5))])


def judge_scales(work: Work, weights: Sequence[Tensor]) -> None:
    """Raises Wrong unless each row of each weight has the scale that makes its largest 127."""
    calls = [Call((w,), row_scales(w), called_rows(work, w)[1]) for w in weights]
    for call in calls:
        if not alike(call.actual, call.expected, 0.005):
            off = (call.actual - call.expected).abs() > 0.005 * call.expected
            row = int((off | ~call.actual.isfinite()).nonzero()[0])
            hint = cause(calls, slips.ROW_SCALES, alike) or added_or_smallest(calls)
            size = float(call.given[0][row].abs().max())
            raise Wrong(
                f"row {row}, whose largest element is {size:.3g}: the scale is off",
                call.expected[row].item(), call.actual[row].item(), hint,
            )  # fmt: skip


@check(
    points=2,
    needs=("a scale for each row",),
    hints=(
        "How far is an element from the nearest value that int8 can hold?",
        "At most half a scale, if it is rounded to the nearest.",
        "torch.round(weight / scale[:, None]).clamp(-127, 127).to(torch.int8)",
    ),
)
def values_are_the_nearest(work: Work) -> None:
    draw = work.draw
    shape = (draw.integer(4, 9), draw.integer(30, 70))
    weights = [drawn_weight(draw, *shape) for _ in range(2)]
    weights[0][1, 3] *= 50  # an outlier
    judge_values(work, [*weights, SMALL[0] * drawn_weight(draw, *shape), drawn_weight(draw, 1, 1)])


def judge_values(work: Work, weights: Sequence[Tensor]) -> None:
    """Raises Wrong unless each value is the nearest to its weight, in steps of its row's scale."""
    calls = []
    for weight in weights:
        values, scale = called_rows(work, weight)
        steps = scale.double()[:, None].expand_as(weight)
        calls.append(Call((weight.double(), steps), weight.double() / steps, values))
    for call in calls:
        steps, values = call.expected, call.actual
        row, column = divmod(int((values.double() - steps).abs().argmax()), steps.shape[1])
        place = f"row {row}, column {column}"
        off = float((values.double() - steps).abs().max())
        hint = cause(calls, slips.VALUES, mostly_equal)
        if int(values.min()) == -128 and off < 200:
            raise Wrong(
                "a value is -128", "from -127 to 127", -128,
                hint or "the range is symmetric: the largest element becomes 127 or -127",
            )  # fmt: skip
        if off > 200:
            raise Wrong(
                f"{place}: the value wrapped around", steps[row, column].item(),
                int(values[row, column]), hint,
            )  # fmt: skip
        if off > 0.51:
            raise Wrong(
                f"{place}: not the nearest value", round(steps[row, column].item()),
                int(values[row, column]), hint,
            )  # fmt: skip


def mostly_equal(actual: Tensor, wrong: Tensor) -> bool:
    """Whether all but one a row, and a few in a hundred, are the same.

    A row's largest element lies at a step's edge, and falls to either side as division rounds.
    """
    off = (actual.double() - wrong.clamp(-128, 127)).abs()
    rows = off.numel() // off.shape[-1]
    return int((off > 0).sum()) <= rows + 0.03 * off.numel() and float(off.max()) <= 1


@check(
    points=1,
    hints=(
        "What is 0 / 0?",
        "A row of zeros has a largest element of 0, and so a scale of 0.",
        "scale = torch.where(scale > 0, scale, torch.ones_like(scale))",
    ),
)
def a_row_of_zeros_stays_zero(work: Work) -> None:
    draw = work.draw
    outputs = draw.integer(4, 7)
    weights = [drawn_weight(draw, outputs, draw.integer(8, 20)), torch.zeros(1, 3)]
    for weight in weights:
        row = draw.integer(0, weight.shape[0] - 1)
        weight[row] = 0
        values, scale = called_rows(work, weight)
        if not scale.isfinite().all() or scale[row] == 0:
            raise Wrong(
                f"row {row}: scale {scale[row].item()} gives nan; an all-zero row must stay zero",
                "any scale but 0", scale[row].item(),
                "what is 0 / 0? Give such a row a scale of 1",
            )  # fmt: skip
        if values[row].any():
            raise Wrong(f"row {row} is all zero, and its values are not", 0, values[row])


@check(
    points=1,
    needs=("values are the nearest",),
    hints=(
        "What does a model in bf16 hand over?",
        "bf16 has 8 bits of precision: dividing in it is off by more than half a step.",
        "weight = weight.float() first",
    ),
)
def weights_in_bf16_are_quantised_in_fp32(work: Work) -> None:
    draw = work.draw
    weight = drawn_weight(draw, draw.integer(5, 9), draw.integer(100, 200)).bfloat16()
    weight[0] = (torch.arange(weight.shape[1]) % 128 + 0.25).bfloat16()  # coarse beyond 64
    weight[0, 0] = 127.0
    values, scale = called_rows(work, weight)
    off = (values.double() * scale.double()[:, None] - weight.double()).abs()
    bound = 0.502 * row_scales(weight)
    if (off > bound[:, None]).any():
        row = int((off.amax(1) / bound).argmax())
        coarse = (weight / (weight.abs().amax(1) / 127)[:, None]).round().double()
        in_bf16 = mostly_equal(values, coarse)
        raise Wrong(
            f"row {row}: an element is further off than half a scale", f"{bound[row]:.4g}",
            f"{off[row].max():.4g}",
            "bf16 is too coarse to divide in: weight.float() first" if in_bf16 else None,
        )  # fmt: skip


@check(
    points=1,
    hints=(
        "Undo what quantising did.",
        "Each row is multiplied by its own scale, in fp32.",
        "values.float() * scale[:, None]",
    ),
)
def turning_back(work: Work) -> None:
    draw = work.draw
    size = draw.integer(5, 12)
    weights = []
    for shape in ((size, size), (size, size), (size, size + 3), (1, size)):
        values = draw.integers(-127, 127, *shape).to(torch.int8)
        weights.append((values, draw.uniform(shape[0]) + 0.01))
    calls = called_all(work, "dequantize_rows", turned_back, weights)
    hint = cause(in_double(calls), slips.TURNED_BACK, slips.close)
    for call in calls:
        judge_tensor(call, "the weight", hint)


def turned_back(values: Tensor, scale: Tensor) -> Tensor:
    return values.double() * scale.double()[:, None]


def called_all(
    work: Work,
    name: str,
    right: Callable[..., Tensor],
    cases: Sequence[tuple[Tensor, ...]],
) -> list[Call]:
    """All calls; where one raises, those before it, if one of them was wrong already."""
    calls: list[Call] = []
    try:
        for given in cases:
            called = Call(given, right(*given), work.call(name, *given))
            calls.append(called)
    except FaultError:
        if all(isinstance(c.actual, Tensor) and slips.close(c.actual, c.expected) for c in calls):
            raise
    return calls


def judge_tensor(call: Call, what: str, hint: str | None) -> None:
    shape = call.expected.shape
    if isinstance(call.actual, Tensor) and call.actual.shape != shape:
        actual = f"a tensor {list(call.actual.shape)}"
        raise Wrong(f"{what} has the wrong shape", f"a tensor {list(shape)}", actual, hint)
    found = tensor(call.actual, what, shape, torch.float32)
    if not is_close(found.double(), call.expected, 1e-4):
        place = tuple(
            int(i)
            for i in torch.unravel_index(
                (found.double() - call.expected).abs().nan_to_num(torch.inf).argmax(), shape
            )
        )
        raise Wrong(f"{what} is off at {list(place)}", call.expected[place].item(),
                    found[place].item(), hint)  # fmt: skip


def right_product(x: Tensor, values: Tensor, scale: Tensor) -> Tensor:
    return (x.double() @ values.double().T) * scale.double()


@check(
    points=2,
    hints=(
        "Which scale belongs to an output?",
        "Multiply by the values first; each output then has one scale.",
        "(x @ values.to(x.dtype).T) * scale",
    ),
)
def the_int8_linear_layer(work: Work) -> None:
    """Layers of one shape with other weights, a square one, and one of a single output."""
    draw = work.draw
    outputs, inputs, batch = draw.integer(6, 9), draw.integer(10, 19), draw.integer(2, 5)
    shapes = [(1, outputs, outputs), (outputs, outputs, outputs), (batch, outputs, inputs),
              (batch, outputs, inputs), (batch, 1, inputs), (1, outputs, 1)]  # fmt: skip
    judge_layers(work, [drawn_layer(draw, *shape) for shape in shapes])


def drawn_layer(draw: Draw, batch: int, outputs: int, inputs: int) -> tuple[Tensor, ...]:
    values = draw.integers(-127, 127, outputs, inputs).to(torch.int8)
    return draw.normal(batch, inputs), values, draw.uniform(outputs) + 0.1


def judge_layers(work: Work, layers: Sequence[tuple[Tensor, ...]]) -> None:
    calls = called_all(work, "int8_linear", right_product, layers)
    hint = product_cause_of(calls, right_product)
    for call in calls:
        judge_tensor(call, "y", hint)


@check(
    points=1,
    hints=(
        "How many numbers are multiplied by a scale?",
        "Of [batch, out] outputs each one, not each of the [out, in] weights.",
        "(x @ values.to(x.dtype).T) * scale",
    ),
)
def the_scale_is_applied_to_outputs(work: Work) -> None:
    """What their product makes is looked at; where torch does not see it, what overflows."""
    draw = work.draw
    judge_product(work, drawn_layer(draw, 2, draw.integer(40, 60), draw.integer(250, 300)))


def judge_product(work: Work, given: tuple[Tensor, ...]) -> None:
    x, values, scale = given
    found = work.call("driver:product", x, values, scale)
    same_tensor(found["value"], right_product(x, values, scale), "y", 1e-4)
    never = "the weight of whole size is never made: a scale belongs to an output"
    if found["scaled"] is not None:
        raise Wrong(
            f"{values.numel()} weights are multiplied by a scale", f"{x.shape[0] * len(scale)} "
            "outputs are", f"the scaled weight [out, in], met by {found['scaled']}", never,
        )  # fmt: skip
    if found["kept"] >= values.numel():
        raise Wrong(
            "the call leaves something behind", "0 bytes", f"{found['kept']} bytes",
            "keep nothing between calls: a converted weight is as large as it was before int8",
        )  # fmt: skip
    if found["largest"] <= x.shape[0] * len(scale):  # torch has not seen the product
        huge = torch.full_like(scale, 1e37)  # times a value, no fp32 holds it; times an output, yes
        small = 1e-5 * torch.ones_like(x) * values[0].float().sign()
        actual = work.call("int8_linear", small, values, huge)
        if isinstance(actual, Tensor) and not actual.isfinite().all():
            raise Wrong("weights are multiplied by a scale before the product", hint=never)


@check(
    points=1,
    hints=(
        "Whose tensor is it that an operation with _ at its end writes into?",
        "The caller's, if it is an argument: x /= y and x.add_(y) change it for everybody.",
        "values + 8 in place of values += 8; weight / scale in place of weight /= scale",
    ),
)
def arguments_stay_as_they_are(work: Work) -> None:
    draw = work.draw
    rows, columns = draw.integer(3, 6), 16 * draw.integer(1, 3)
    weight = drawn_weight(draw, rows, columns)
    values = draw.integers(-7, 7, rows, columns).to(torch.int8)
    scale = draw.uniform(rows) + 0.1
    packed = draw.integers(0, 255, rows, columns).to(torch.uint8)
    calls: tuple[tuple[str, list[Any]], ...] = (
        ("quantize_rows", [weight]),
        ("quantize_rows", [weight.bfloat16()]),
        ("dequantize_rows", [values, scale]),
        ("dequantize_rows", [values.float(), scale]),
        ("int8_linear", [draw.normal(2, columns), values, scale]),
        ("quantize_groups", [weight, 8]),
        ("pack", [values]),
        ("unpack", [packed]),
    )
    written = 0
    unwritten: Exception | None = None
    for name, given in calls:
        try:
            changed = work.call("driver:watched", name, *given)["changed"]
            written += 1
        except FaultError as error:  # another check tells it
            unwritten = error
            continue
        if any(changed):
            number = ("first", "second", "third")[changed.index(True)]
            raise Wrong(
                f"{name} changes its {number} argument", "as it was", "written into",
                "an operation in place (/=, +=, or a name that ends with _): make a new tensor",
            )  # fmt: skip
    if unwritten is not None and not written:
        raise unwritten


@check(
    points=1,
    hints=(
        "How many values, of how many bits; how many scales, of two bytes?",
        "A row has inputs / group scales.",
        "outputs * inputs * bits // 8 + outputs * (inputs // group) * 2",
    ),
)
def bytes_of_a_quantised_weight(work: Work) -> None:
    draw = work.draw
    cases = []
    for bits, group in ((8, 64), (4, 32), (4, draw.choice([64, 128])), (8, 32), (4, 16)):
        outputs, inputs = draw.integer(3, 5000), group * draw.integer(3, 40)
        cases.append((outputs, inputs, bits, inputs if bits == 8 and group == 64 else group))
    judge_numbers(
        work,
        "stored_bytes",
        lambda o, i, bits, group: o * i * bits // 8 + o * (i // group) * 2,
        cases,
        (
            ("the scales are stored too", lambda o, i, b, g: o * i * b // 8),
            ("bits are not bytes", lambda o, i, b, g: o * i * b + o * (i // g) * 2),
            ("bits are not bytes", lambda o, i, b, g: o * i * b + o * (i // g) * 16),
            ("every row has its own scales", lambda o, i, b, g: o * i * b // 8 + (i // g) * 2),
            ("a scale has two bytes", lambda o, i, b, g: o * i * b // 8 + o * (i // g)),
            ("a scale has two bytes, not four",
             lambda o, i, b, g: o * i * b // 8 + o * (i // g) * 4),
            ("a scale has two bytes, not one for each bit",
             lambda o, i, b, g: o * i * b // 8 + o * (i // g) * 16),
            ("a scale has two bytes, whatever the bits of a value",
             lambda o, i, b, g: (o * i + o * (i // g)) * b // 8),
            ("a row has inputs / group scales, not group of them",
             lambda o, i, b, g: o * i * b // 8 + o * g * 2),
            ("a row has inputs / group scales, not one",
             lambda o, i, b, g: o * i * b // 8 + o * 2),
            ("every weight has bits / 8 bytes, not one",
             lambda o, i, b, g: o * i + o * (i // g) * 2),
            ("the scales alone do not make a weight: its values are stored too",
             lambda o, i, b, g: o * (i // g) * 2),
        ),
        within=1e-12,
    )  # fmt: skip


@check(
    points=3,
    hints=(
        "It is the same as for a row, for pieces of a row.",
        "weight.unflatten(1, (-1, group)) is [out, in / group, group]; int4 has 7 steps a side.",
        "scale = groups.abs().amax(dim=2) / 7, then round(groups / scale[:, :, None]), flatten(1)",
    ),
)
def int4_by_groups(work: Work) -> None:
    draw = work.draw
    size = draw.choice([16, 32])
    shapes = [(draw.integer(3, 6), draw.integer(2, 5), size)] * 2
    weights = [drawn_groups(draw, *shape) for shape in [*shapes, (8, 3, 8), (3, 1, 8), (2, 4, 1)]]
    weights += [size * drawn_groups(draw, 3, 4, 16) for size in SMALL]
    judge_groups(work, weights)


def drawn_groups(draw: Draw, outputs: int, count: int, group: int) -> Tensor:
    """[outputs, count, group], groups of different sizes, the last one of zeros."""
    sizes = 10 ** (2 * draw.uniform(outputs, count, 1) - 1)
    groups = draw.normal(outputs, count, group) * sizes
    if outputs * count > 1:
        groups[draw.integer(0, outputs - 1), count - 1] = 0
    return groups


def called_groups(work: Work, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Their values [out, count, group] and scales [out, count], of the right form."""
    outputs, count, group = groups.shape
    answers = pair(work.call("quantize_groups", groups.flatten(1), group), "quantize_groups")
    values, scale = answers
    if isinstance(values, Tensor) and list(values.shape) == [outputs, count, group] != [outputs, 1]:
        raise Wrong(
            "values has the wrong shape", f"a tensor [{outputs}, {count * group}]",
            f"a tensor [{outputs}, {count}, {group}]",
            "put the groups of a row together: flatten(1)",
        )  # fmt: skip
    refuse_kept_dimension(scale, [outputs, count])
    values = tensor(values, "values", [outputs, count * group], torch.int8)
    return values.unflatten(1, (-1, group)), tensor(scale, "scale", [outputs, count], torch.float32)


def judge_groups(work: Work, weights: Sequence[Tensor]) -> None:
    """Raises Wrong unless each group has its scale, and the nearest values."""
    called = [(groups, *called_groups(work, groups)) for groups in weights]
    calls = []
    for groups, _, scale in called:
        some = groups.abs().amax(2) > 0
        right = torch.where(some, groups.double().abs().amax(2) / 7, scale.double())
        calls.append(Call((groups.flatten(1), groups.shape[2]), right, scale))
    hint = cause(calls, slips.GROUP_SCALES, same_where_finite) or added_or_smallest(calls)
    for (groups, values, scale), call in zip(called, calls, strict=True):
        zero = groups.abs().amax(2) == 0
        if zero.any() and (
            not scale[zero].isfinite().all() or (scale[zero] == 0).any() or values[zero].any()
        ):
            row, column = zero.nonzero()[0].tolist()
            raise Wrong(
                f"row {row}, group {column}: a group of zeros must stay zero", 0,
                scale[row, column].item(), hint or "what is 0 / 0? Give such a group a scale of 1",
            )  # fmt: skip
        if not alike(scale, call.expected, 0.005):
            off = ~((scale - call.expected).abs() <= 0.005 * call.expected)
            row, column = off.nonzero()[0].tolist()
            raise Wrong(
                f"row {row}, group {column}: the scale is off",
                call.expected[row, column].item(), scale[row, column].item(), hint,
            )  # fmt: skip
        judge_group_values(called, groups, values, scale)


def same_where_finite(actual: Tensor, wrong: Tensor) -> bool:
    """As ``alike``, but for groups of zeros, whose scale may be any."""
    some = (wrong != 0) & wrong.isfinite()
    return actual.shape == wrong.shape and bool(some.any()) and alike(actual[some], wrong[some])


def judge_group_values(
    called: Sequence[tuple[Tensor, Tensor, Tensor]], groups: Tensor, values: Tensor, scale: Tensor
) -> None:
    calls = [Call((g.double(), s.double()[:, :, None].expand_as(g)), None, v) for g, v, s in called]
    if values.abs().max() > 7:
        hint = cause(calls, slips.VALUES, mostly_equal)
        hint = hint or "symmetric int4 has 7 steps on each side of zero"
        raise Wrong("a value is outside of -7 to 7", "-7 to 7", values.abs().max().item(), hint)
    off = (values.double() - groups.double() / scale.double()[:, :, None]).abs()
    if off.max() > 0.51:
        row, column, place = (int(i) for i in torch.unravel_index(off.argmax(), off.shape))
        raise Wrong(
            f"row {row}, group {column}: element {place} is further off than half a scale",
            f"{float(groups[row, column, place] / scale[row, column]):.3g}, to the nearest",
            int(values[row, column, place]), cause(calls, slips.VALUES, mostly_equal),
        )  # fmt: skip


@check(
    points=2,
    hints=(
        "Which of two neighbours is in the low four bits?",
        "values[:, 0::2] are the even elements; << 4 moves a nibble up.",
        "unsigned = (values + 8).to(torch.uint8); unsigned[:, 0::2] | (unsigned[:, 1::2] << 4)",
    ),
)
def two_values_in_a_byte(work: Work) -> None:
    draw = work.draw
    rows, bytes_ = draw.integer(2, 5), draw.integer(3, 9)
    every = torch.arange(-8, 8).to(torch.int8)
    values = [draw.integers(-8, 7, rows, 2 * bytes_).to(torch.int8) for _ in range(2)]
    judge_packed(work, [*values, every[None], every.flip(0).reshape(8, 2)])


def judge_packed(work: Work, given: Sequence[Tensor]) -> None:
    calls = []
    for values in given:
        expected = slips.nibbles(values[:, 0::2].int() + 8, values[:, 1::2].int() + 8)
        packed = tensor(work.call("pack", values), "packed", expected.shape, torch.uint8)
        calls.append(Call((values,), expected, packed))
    hint = cause(calls, slips.PACKED, equal)
    for call in calls:
        if not equal(call.actual, call.expected):
            row, column = (call.actual != call.expected).nonzero()[0].tolist()
            two = call.given[0][row, 2 * column : 2 * column + 2].tolist()
            raise Wrong(
                f"byte [{row}, {column}] of elements {two[0]} and {two[1]} is off",
                call.expected[row, column].item(), call.actual[row, column].item(), hint,
            )  # fmt: skip


@check(
    points=2,
    hints=(
        "Undo what pack does.",
        "packed & 15 is the low nibble, packed >> 4 the high one; then subtract 8.",
        "torch.stack([packed & 15, packed >> 4], dim=2).flatten(1).to(torch.int8) - 8",
    ),
)
def and_back_again(work: Work) -> None:
    draw = work.draw
    rows, bytes_ = draw.integer(2, 5), draw.integer(3, 9)
    every = torch.arange(256).to(torch.uint8)
    drawn = [draw.integers(0, 255, rows, bytes_).to(torch.uint8) for _ in range(2)]
    judge_unpacked(work, [*drawn, every[None], every.reshape(256, 1)])


def judge_unpacked(work: Work, given: Sequence[Tensor]) -> None:
    calls = []
    for packed in given:
        expected = slips.stacked((packed & 15).int() - 8, (packed >> 4).int() - 8)
        found = tensor(work.call("unpack", packed), "values", expected.shape, torch.int8)
        calls.append(Call((packed,), expected, found))
    hint = cause(calls, slips.UNPACKED, equal)
    for call in calls:
        if not equal(call.actual, call.expected):
            row = int((call.actual != call.expected).any(1).nonzero()[0])
            byte = int((call.actual != call.expected)[row].nonzero()[0]) // 2
            raise Wrong(
                f"the values of byte {int(call.given[0][row, byte])} are off",
                call.expected[row, 2 * byte : 2 * byte + 2],
                call.actual[row, 2 * byte : 2 * byte + 2], hint,
            )  # fmt: skip
