"""Hidden checks of quantisation: the same demands on larger weights, and on smaller numbers."""

import torch

from workshop.learn.checking import Work, check

from .. import (
    drawn_groups,
    drawn_layer,
    drawn_weight,
    judge_groups,
    judge_layers,
    judge_product,
    judge_scales,
    judge_values,
)


@check(
    points=1,
    hints=(
        "Which part of a large layer is left out?",
        "None of it may be: if you go through it in blocks, the last one may be smaller.",
        "(x @ values.to(x.dtype).T) * scale",
    ),
)
def a_layer_of_many_outputs(work: Work) -> None:
    draw = work.draw
    layers = [drawn_layer(draw, 3, draw.integer(700, 1000), draw.integer(90, 130)) for _ in "ab"]
    judge_layers(work, layers)
    judge_product(work, layers[0])
    weight = drawn_weight(draw, draw.integer(700, 1000), 20)
    judge_scales(work, [weight])
    judge_values(work, [weight])


@check(
    points=1,
    hints=(
        "Is there a smallest scale in your code?",
        "A row of weights near 1e-22 has a scale near 1e-24, and 127 steps like any other row.",
        "torch.where(scale > 0, scale, torch.ones_like(scale)), and no clamp(min=...)",
    ),
)
def rows_of_any_size(work: Work) -> None:
    draw = work.draw
    shape = (draw.integer(2, 5), draw.integer(20, 40))
    weights = [size * drawn_weight(draw, *shape) for size in (1e-22, 1e-10, 1e-4, 1e10)]
    judge_scales(work, weights)
    judge_values(work, weights)
    judge_groups(work, [size * drawn_groups(draw, 3, 4, 16) for size in (1e-22, 1e-10, 1e10)])


@check(
    points=1,
    hints=(
        "Two layers of a model have one shape, and begin with the same row. Are they the same?",
        "Nothing may be kept from one call to the next, by whatever it is found again.",
        "(x @ values.to(x.dtype).T) * scale",
    ),
)
def layers_that_look_alike(work: Work) -> None:
    draw = work.draw
    first = drawn_layer(draw, 2, draw.integer(8, 12), draw.integer(20, 30))
    x, values, scale = drawn_layer(draw, *first[0].shape[:1], *first[1].shape)
    values[0] = first[1][0]
    halved = torch.div(first[1], 2, rounding_mode="trunc").to(torch.int8)
    halved[0] = first[1][0]
    judge_layers(work, [first, (x, values, scale), first, (x, halved, scale)])
