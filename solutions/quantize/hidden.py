"""Hidden checks of quantisation: what is given stays as it is, small weights, and the product."""

from typing import Any

import torch

from workshop.learn.checking import Draw, Work, Wrong, check, same_tensor, tensor

from .. import called_rows, drawn_weight


@check(
    points=1,
    hints=(
        "Whose tensor is it that an operation with _ at its end writes into?",
        "The caller's, if it is an argument: x /= y and x.add_(y) change it for everybody.",
        "values + 8 in place of values += 8; weight / scale in place of weight /= scale",
    ),
)
def what_is_given_stays_as_it_is(work: Work) -> None:
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
        ("int8_linear", [draw.normal(2, columns), values, scale]),
        ("quantize_groups", [weight, 8]),
        ("pack", [values]),
        ("unpack", [packed]),
    )
    for name, given in calls:
        changed = work.call("driver:watched", name, *given)["changed"]
        if any(changed):
            number = ("first", "second", "third")[changed.index(True)]
            raise Wrong(
                f"{name} changes its {number} argument", "as it was", "written into",
                "an operation in place (/=, +=, or a name that ends with _): make a new tensor",
            )  # fmt: skip


@check(
    points=1,
    hints=(
        "Is there a smallest scale in your code?",
        "A row of weights near 1e-6 has a scale near 1e-8, and 127 steps like any other row.",
        "torch.where(scale > 0, scale, torch.ones_like(scale)), and no clamp(min=...)",
    ),
)
def rows_of_any_size(work: Work) -> None:
    draw = work.draw
    shape = (draw.integer(2, 5), draw.integer(20, 40))
    for size in (1e-7, 1e-4, 1e5):
        weight = size * drawn_weight(draw, *shape)
        values, scale = called_rows(work, weight)
        judge_rows(weight, values, scale, 127, f"weights near {size:g}")
    weight = 1e-7 * draw.normal(3, 64)
    values, scale = work.call("quantize_groups", weight, 16)
    values, scale = (
        tensor(values, "values", [3, 64], torch.int8),
        tensor(scale, "scale", [3, 4], torch.float32),
    )
    groups = weight.reshape(12, 16), values.reshape(12, 16), scale.reshape(12)
    judge_rows(*groups, 7, "int4, weights near 1e-07")


def judge_rows(
    weight: torch.Tensor, values: torch.Tensor, scale: torch.Tensor, steps: int, what: str
) -> None:
    """Raises Wrong unless each row's largest element has become the last step."""
    largest = values.abs().amax(1)
    if (largest != steps).any():
        row = int((largest != steps).nonzero()[0])
        expected = weight[row].abs().max().item() / steps
        raise Wrong(
            f"{what}: the largest value of row or group {row} is {int(largest[row])}",
            f"{steps}, with a scale of {expected:.4g}", f"a scale of {scale[row].item():.4g}",
            "a smallest scale leaves small weights without steps: only 0 needs another one",
        )  # fmt: skip
    back = values.double() * scale.double()[:, None]
    if ((back - weight.double()).abs() > 0.51 * scale.double()[:, None]).any():
        raise Wrong(f"{what}: an element is further off than half a scale")


def drawn_linear(draw: Draw) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """x, values and scale; the weight is much larger than what goes in and what comes out."""
    outputs, inputs = draw.integer(200, 300), draw.integer(100, 150)
    values = draw.integers(-127, 127, outputs, inputs).to(torch.int8)
    return draw.normal(2, inputs), values, draw.uniform(outputs) + 0.1


@check(
    points=1,
    hints=(
        "How many numbers are multiplied by a scale?",
        "Of [batch, out] outputs each one, not each of the [out, in] weights.",
        "(x @ values.to(x.dtype).T) * scale",
    ),
)
def the_scale_waits_for_the_product(work: Work) -> None:
    x, values, scale = drawn_linear(work.draw)
    found = work.call("driver:watched", "int8_linear", x, values, scale)
    expected = (x.double() @ values.double().T) * scale.double()
    same_tensor(found["value"], expected, "y", 1e-4)
    whole = values.numel()
    if any(name == "mul" and elements >= whole for name, elements in found["steps"]):
        raise Wrong(
            f"{whole} weights are multiplied by a scale",
            f"{expected.numel()} outputs are", f"a tensor of {whole} elements by mul",
            "the weight of whole size is never made: a scale belongs to an output",
        )  # fmt: skip
