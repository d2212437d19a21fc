"""Hidden checks of the roofline: the same formulas on other numbers."""

from __future__ import annotations

from workshop.learn.checking import Work, check

from .. import judge_intensities, judge_passes


@check(
    points=1,
    hints=(
        "How many bytes is a weight of 4 bits with a 2-byte scale for every 32 of them?",
        "4.5 bits: 0.5625 bytes. Nothing about the formula asks for a whole number.",
        "2 * batch / bytes_per_parameter",
    ),
)
def parameters_with_their_scales(work: Work) -> None:
    judge_intensities(work, (0.5625, 1.0625, 2.0))


@check(
    points=1,
    hints=(
        "How fast is a pass of many guesses, of which none is kept?",
        "Slower than plain decode by the draft's reading, once for each guess.",
        "(1 + accepted) * bandwidth * 1e9 / (weight_bytes + guesses * draft_bytes)",
    ),
)
def a_pass_of_many_guesses(work: Work) -> None:
    many = work.draw.integer(12, 30)
    judge_passes(work, ((many, 0.0), (many, float(many)), (many, many / 2), (0, 0.0)))
