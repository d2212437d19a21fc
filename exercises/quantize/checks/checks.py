"""Checks of quantisation: on weights with large and small rows, outliers and rows of zeros."""

import torch
from torch import Tensor

from workshop.learn.checking import Draw, Work, Wrong, check, is_close, pair, same_tensor, tensor


def drawn_weight(draw: Draw, outputs: int, inputs: int) -> Tensor:
    """Rows of very different sizes: a scale that is shared is seen."""
    sizes = 10 ** (2 * draw.uniform(outputs, 1) - 1)
    return draw.normal(outputs, inputs) * sizes


def int8_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """What is right, slowly: one row after another, in fp64."""
    values, scales = [], []
    for row in weight.double():
        scale = row.abs().max().item() / 127 or 1.0
        values.append(torch.tensor([round(x / scale) for x in row.tolist()], dtype=torch.int8))
        scales.append(scale)
    return torch.stack(values), torch.tensor(scales, dtype=torch.float64)


def called_rows(work: Work, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Their values and scales, of the right form."""
    values, scale = pair(work.call("quantize_rows", weight), "quantize_rows")
    outputs, inputs = weight.shape
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
    if isinstance(scale, Tensor) and list(scale.shape) == [outputs, 1]:
        scale = scale[:, 0]
    return (
        tensor(values, "values", [outputs, inputs], torch.int8),
        tensor(scale, "scale", [outputs], torch.float32),
    )


@check(
    points=2,
    hints=(
        "Which element of a row decides its scale, and what should it become?",
        "The largest in size becomes 127: scale = largest / 127, for each row.",
        "scale = weight.float().abs().amax(dim=1) / 127",
    ),
)
def a_scale_for_each_row(work: Work) -> None:
    draw = work.draw
    weight = drawn_weight(draw, draw.integer(4, 9), draw.integer(11, 40))
    before = weight.abs()
    expected = int8_rows(weight)[1].float()
    _, scale = called_rows(work, weight)
    causes = [
        (before.amax() / 127 * torch.ones_like(scale), "each row has a largest element of its own"),
        (before.amax(1) / 128, "the largest element becomes 127, so divide by 127"),
        (127 / before.amax(1), "values * scale is the weight again: scale is largest / 127"),
        (weight.amax(1) / 127, "the largest in SIZE: take abs() first"),
        (before.mean(1) / 127, "the largest element decides, not the mean"),
        (before.amax(1) / 255, "symmetric int8 has 127 steps on each side of zero"),
    ]
    for wrong, hint in causes:
        if is_close(scale, wrong, 1e-4) and not is_close(scale, expected, 1e-4):
            raise Wrong("the scales are off", expected[0].item(), scale[0].item(), hint)
    off = (scale - expected).abs() > 0.005 * expected
    if off.any():
        row = int(off.nonzero()[0])
        raise Wrong(f"row {row}: the scale is off", expected[row].item(), scale[row].item())


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
    weight = drawn_weight(draw, draw.integer(4, 9), draw.integer(30, 70))
    weight[1, 3] *= 50  # an outlier
    values, scale = called_rows(work, weight)
    steps = weight.double() / scale.double()[:, None]
    off = (values.double() - steps).abs()
    if int(values.min()) == -128:
        raise Wrong(
            "a value is -128", "from -127 to 127", -128,
            "the range is symmetric: the largest element in size becomes 127 or -127",
        )  # fmt: skip
    if off.max() > 200:
        row, column = divmod(int(off.argmax()), weight.shape[1])
        raise Wrong(
            f"row {row}, column {column}: the value wrapped around", steps[row, column].item(),
            int(values[row, column]), "int8 holds at most 127: divide by the scale, then clamp",
        )  # fmt: skip
    if off.max() > 0.51:
        row, column = divmod(int(off.argmax()), weight.shape[1])
        cut = max((values == way).double().mean() for way in (steps.trunc(), steps.floor())) > 0.9
        hint = "converting cuts the fraction off: round first" if cut else None
        raise Wrong(
            f"row {row}, column {column}: not the nearest value", round(steps[row, column].item()),
            int(values[row, column]), hint,
        )  # fmt: skip


@check(
    points=1,
    needs=("a scale for each row",),
    hints=(
        "What is 0 / 0?",
        "A row of zeros has a largest element of 0, and so a scale of 0.",
        "scale = torch.where(scale > 0, scale, torch.ones_like(scale))",
    ),
)
def a_row_of_zeros_stays_zero(work: Work) -> None:
    draw = work.draw
    weight = drawn_weight(draw, draw.integer(4, 7), draw.integer(8, 20))
    row = draw.integer(0, weight.shape[0] - 1)
    weight[row] = 0
    values, scale = called_rows(work, weight)
    if not scale.isfinite().all() or scale[row] == 0:
        raise Wrong(
            f"row {row}: scale {scale[row].item()} gives nan; an all-zero row must stay zero",
            "any scale but 0", scale[row].item(), "what is 0 / 0? Give such a row a scale of 1",
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
    values, scale = called_rows(work, weight)
    off = (values.double() * scale.double()[:, None] - weight.double()).abs()
    bound = 0.502 * int8_rows(weight)[1]
    if (off > bound[:, None]).any():
        row = int((off.amax(1) / bound).argmax())
        raise Wrong(
            f"row {row}: an element is further off than half a scale", f"{bound[row]:.4g}",
            f"{off[row].max():.4g}", "bf16 is too coarse to divide in: weight.float() first",
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
    values = draw.integers(-127, 127, size, size).to(torch.int8)
    scale = draw.uniform(size) + 0.01
    expected = values.double() * scale.double()[:, None]
    actual = tensor(
        work.call("dequantize_rows", values, scale), "the weight", [size, size], torch.float32
    )
    if is_close(actual.double(), values.double() * scale.double()) and not is_close(
        actual.double(), expected
    ):
        raise Wrong(
            "the weight is off", expected[0, 1].item(), actual[0, 1].item(),
            "scale * values multiplies COLUMNS: scale[:, None] multiplies rows",
        )  # fmt: skip
    same_tensor(actual, expected, "the weight", 1e-5)


@check(
    points=2,
    hints=(
        "Which scale belongs to an output?",
        "Multiply by the values first; each output then has one scale.",
        "(x @ values.to(x.dtype).T) * scale",
    ),
)
def the_int8_linear_layer(work: Work) -> None:
    draw = work.draw
    for batch in (1, draw.integer(2, 5)):
        outputs = inputs = draw.integer(6, 14)
        if batch > 1:
            inputs += draw.integer(1, 9)
        x = draw.normal(batch, inputs)
        values = draw.integers(-127, 127, outputs, inputs).to(torch.int8)
        scale = draw.uniform(outputs) + 0.1
        expected = (x.double() @ values.double().T) * scale.double()
        actual = tensor(
            work.call("int8_linear", x, values, scale), "y", [batch, outputs], torch.float32
        )
        if is_close(actual.double(), x.double() @ values.double().T):
            raise Wrong("y is off", expected[0, 0], actual[0, 0], "the scales are missing")
        if inputs == outputs and is_close(
            actual.double(), (x.double() * scale.double()) @ values.double().T
        ):
            hint = "a scale belongs to an output, not to an input: multiply after the product"
            raise Wrong("y is off", expected[0, 0], actual[0, 0], hint)
        if is_close(actual.double(), (x.round().double() @ values.double().T) * scale.double()):
            hint = "the activations stay as they are: convert the values to x's dtype"
            raise Wrong("y is off", expected[0, 0], actual[0, 0], hint)
        same_tensor(actual, expected, "y", 1e-4)


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
    for bits, group in ((8, 64), (4, 32), (4, draw.choice([64, 128]))):
        outputs, inputs = draw.integer(3, 5000), group * draw.integer(2, 40)
        group = inputs if bits == 8 else group
        expected = outputs * inputs * bits // 8 + outputs * (inputs // group) * 2
        actual = work.call("stored_bytes", outputs, inputs, bits, group)
        what = f"stored_bytes({outputs}, {inputs}, {bits}, {group})"
        causes = {
            outputs * inputs * bits // 8: "the scales are stored too",
            outputs * inputs * bits + outputs * (inputs // group) * 2: "bits are not bytes",
            outputs * inputs * bits // 8 + (inputs // group) * 2: "every row has its own scales",
            outputs * inputs * bits // 8 + outputs * (inputs // group): "a scale has two bytes",
            outputs * inputs * bits // 8 + outputs * group * 2: (
                "a row has inputs / group scales, not group of them"
            ),
        }
        if actual != expected:
            hint = causes.get(actual) if isinstance(actual, int | float) else None
            raise Wrong(f"{what} is off", expected, actual, hint)


@check(
    points=3,
    needs=("values are the nearest",),
    hints=(
        "It is the same as for a row, for pieces of a row.",
        "weight.unflatten(1, (-1, group)) is [out, in / group, group]; int4 has 7 steps a side.",
        "scale = groups.abs().amax(dim=2) / 7, then round(groups / scale[:, :, None]), flatten(1)",
    ),
)
def int4_by_groups(work: Work) -> None:
    for group in (work.draw.choice([16, 32]), 8):
        judge_groups(work, group)


def judge_groups(work: Work, group: int) -> None:
    draw = work.draw
    outputs, count = draw.integer(3, 6), draw.integer(2, 5)
    sizes = 10 ** (2 * draw.uniform(outputs, count, 1) - 1)
    groups = draw.normal(outputs, count, group) * sizes
    zero = (draw.integer(0, outputs - 1), draw.integer(0, count - 1))
    groups[zero] = 0
    weight = groups.flatten(1)
    values, scale = pair(work.call("quantize_groups", weight, group), "quantize_groups")
    values = tensor(values, "values", [outputs, count * group], torch.int8)
    scale = tensor(scale, "scale", [outputs, count], torch.float32)
    if (
        not scale.isfinite().all()
        or scale[zero] == 0
        or values.unflatten(1, (-1, group))[zero].any()
    ):
        raise Wrong(
            f"row {zero[0]}, group {zero[1]}: a group of zeros must stay zero", 0,
            scale[zero].item(), "what is 0 / 0? Give such a group a scale of 1",
        )  # fmt: skip
    if values.abs().max() > 7:
        hint = "symmetric int4 has 7 steps on each side of zero"
        raise Wrong("a value is outside of -7 to 7", "-7 to 7", values.abs().max().item(), hint)
    largest = groups.abs().amax(2)
    expected = torch.where(largest > 0, largest / 7, scale)
    if is_close(scale, weight.abs().amax(1, keepdim=True).expand(-1, count) / 7, 1e-3):
        hint = "every group has a scale of its own, not every row"
        raise Wrong("the scales are off", expected[0, 0].item(), scale[0, 0].item(), hint)
    if is_close(scale[largest > 0], (largest / 8)[largest > 0], 1e-3):
        hint = "the largest element becomes 7, so divide by 7"
        raise Wrong("the scales are off", expected[0, 0].item(), scale[0, 0].item(), hint)
    interleaved = weight.unflatten(1, (group, count)).abs().amax(1) / 7
    if is_close(scale, interleaved, 1e-3):
        hint = "a group are NEIGHBOURS in a row: unflatten(1, (-1, group))"
        raise Wrong("the scales are off", expected[0, 0].item(), scale[0, 0].item(), hint)
    if ((scale - expected).abs() > 0.005 * expected).any():
        place = tuple(((scale - expected).abs() > 0.005 * expected).nonzero()[0].tolist())
        raise Wrong(
            f"row {place[0]}, group {place[1]}: the scale is off",
            expected[place].item(), scale[place].item(),
        )  # fmt: skip
    back = values.unflatten(1, (-1, group)).double() * scale.double()[:, :, None]
    if ((back - groups.double()).abs() > 0.51 * scale.double()[:, :, None]).any():
        hint = "round to the nearest, and divide each group by its own scale"
        raise Wrong("an element is further off than half a scale", hint=hint)


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
    for _ in range(2):
        judge_packed(work, draw.integers(-8, 7, rows, 2 * bytes_).to(torch.int8))


def judge_packed(work: Work, values: Tensor) -> None:
    rows, bytes_ = values.shape[0], values.shape[1] // 2
    low, high = values[:, 0::2].int() + 8, values[:, 1::2].int() + 8
    expected = (low + 16 * high).to(torch.uint8)
    packed = tensor(work.call("pack", values), "packed", [rows, bytes_], torch.uint8)
    two = {
        "element 2i is in the LOW four bits": 16 * low + high,
        "8 is added to each, so that none is negative": (
            (values[:, 0::2].int() & 15) + 16 * (values[:, 1::2].int() & 15)
        ),
        "a byte holds neighbours: 2i and 2i + 1": (
            values[:, :bytes_].int() + 8 + 16 * (values[:, bytes_:].int() + 8)
        ),
    }
    for hint, wrong in two.items():
        if torch.equal(packed, wrong.to(torch.uint8)) and not torch.equal(packed, expected):
            raise Wrong("the bytes are off", expected[0, 0].item(), packed[0, 0].item(), hint)
    if not torch.equal(packed, expected):
        place = tuple((packed != expected).nonzero()[0].tolist())
        raise Wrong(
            f"byte {list(place)} of elements {values[place[0], 2 * place[1]]} and "
            f"{values[place[0], 2 * place[1] + 1]} is off",
            expected[place].item(), packed[place].item(),
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
    for _ in range(2):
        judge_unpacked(work, draw.integers(0, 255, rows, bytes_).to(torch.uint8))


def judge_unpacked(work: Work, packed: Tensor) -> None:
    rows, bytes_ = packed.shape
    low, high = (packed & 15).to(torch.int8) - 8, (packed >> 4).to(torch.int8) - 8
    expected = torch.empty(rows, 2 * bytes_, dtype=torch.int8)
    expected[:, 0::2], expected[:, 1::2] = low, high
    actual = tensor(work.call("unpack", packed), "values", [rows, 2 * bytes_], torch.int8)
    swapped = torch.stack([high, low], dim=2).flatten(1)
    for hint, wrong in (
        ("element 2i is in the LOW four bits", swapped),
        ("8 was added to each: subtract it again", expected + 8),
        ("neighbours come from one byte: stack along a new last dimension, then flatten",
         torch.cat([low, high], dim=1)),
    ):  # fmt: skip
        if torch.equal(actual, wrong) and not torch.equal(actual, expected):
            raise Wrong("the values are off", expected[0, :4], actual[0, :4], hint)
    if not torch.equal(actual, expected):
        raise Wrong("the values are off", expected[0, :4], actual[0, :4])
