"""Hidden checks of the stopwatch: many warm-ups, and very many samples."""

from workshop.learn.checking import Work, check

from .. import as_asked, hardly_apart, judge_series, judge_spreads, run_series
from ..samples import cause_of_series


@check(
    points=1,
    hints=(
        "How many generations are run if warm_up is 0? And if it is 9?",
        "As many as samples, and nine more.",
        "for _ in range(warm_up): time_generation(device, new_tokens)",
    ),
)
def as_many_warm_ups_as_asked_for(work: Work) -> None:
    draw = work.draw
    asked = ((0, draw.integer(2, 5)), (draw.integer(6, 9), 1), (draw.integer(10, 12), 8))
    series = [run_series(work, *given) for given in asked]
    for one in series:
        if not as_asked(one):
            judge_series(one, cause_of_series(series))


@check(
    points=1,
    hints=(
        "What is left of the difference of two large, nearly equal numbers?",
        "Few of their digits, or less than nothing: take the mean off each value before squaring.",
        "statistics.stdev(values)",
    ),
)
def samples_that_hardly_differ(work: Work) -> None:
    """Two, a few, and thousands of them."""
    draw = work.draw
    judge_spreads(work, hardly_apart(draw, (2, draw.integer(5, 9), draw.integer(3000, 5000))))
