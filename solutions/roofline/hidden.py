"""Hidden checks of the roofline: the formulas where a machine or a pass is not the usual one."""

from __future__ import annotations

from workshop.learn.checking import Work, check

from ..formulas import formula


@check(
    points=1,
    hints=(
        "What if a stage is faster than reading its weights from memory would allow?",
        "Then reading explains more than all of a token: what is left is negative, and says so.",
        "(1 / measured - 1 / predicted) * 1e3, whatever its sign",
    ),
)
def faster_than_the_roof(work: Work) -> None:
    """As weights in a cache are, held against the bandwidth of main memory."""
    predicted = work.draw.number(300, 9000)
    for factor in (1.0, work.draw.number(1.2, 4)):
        measured = predicted * factor
        right = (1 / measured - 1 / predicted) * 1e3
        formula(
            work, "unexplained_ms", (predicted, measured), right,
            ((-right, "measured time less predicted time: here it is less than nothing"),
             (0.0 if right else None, "less than nothing is told as it is, not as 0")),
        )  # fmt: skip


@check(
    points=1,
    hints=(
        "How fast is a pass in which nothing is guessed?",
        "As fast as plain decode; and if no guess is kept, slower by the draft's reading.",
        "(1 + accepted) * bandwidth * 1e9 / (weight_bytes + guesses * draft_bytes)",
    ),
)
def a_pass_that_keeps_nothing(work: Work) -> None:
    draw = work.draw
    size, bandwidth = draw.number(5e6, 2e11), draw.number(20, 5000)
    draft, guesses = size * draw.number(0.05, 0.3), draw.integer(2, 6)
    for count, kept in ((0, 0.0), (guesses, 0.0), (guesses, float(guesses))):
        read = size + count * draft
        formula(
            work, "speculative_speed", (size, draft, count, kept, bandwidth),
            (1 + kept) * bandwidth * 1e9 / read,
            (((1 + kept) * bandwidth * 1e9 / (size + draft), "a draft costs what it is asked for"),
             (bandwidth * 1e9 / size, "the draft was read, whether or not a guess is kept")),
        )  # fmt: skip
