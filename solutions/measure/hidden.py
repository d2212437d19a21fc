"""Hidden checks of the stopwatch: any number of warm-ups, and samples that are nearly the same."""

import statistics
from fractions import Fraction

from workshop.learn.checking import Work, Wrong, check, number, pair

from .. import drawn_costs, near, true_times
from ..device import Device


@check(
    points=1,
    hints=(
        "How many generations are run if warm_up is 0?",
        "As many as samples: somebody who wants to see the cold start asks for no warm-up.",
        "for _ in range(warm_up): time_generation(device, new_tokens)",
    ),
)
def as_many_warm_ups_as_asked_for(work: Work) -> None:
    draw = work.draw
    for warm_up, samples in ((0, draw.integer(2, 5)), (draw.integer(6, 9), 1)):
        costs, new = drawn_costs(draw, jitter=13), draw.integer(5, 20)
        costs["busy"] = 0.0
        device = Device(costs)
        measured = work.call("asking:measure", new, warm_up, samples, answers=device.answers)
        asked = f"warm_up {warm_up}, samples {samples}"
        if len(device.asked) != warm_up + samples:
            hint = None if warm_up else "without a warm-up, every generation is counted"
            raise Wrong(
                f"{asked}: the number of generations is off", warm_up + samples,
                len(device.asked), hint,
            )  # fmt: skip
        if len(measured) != samples:
            raise Wrong(f"{asked}: the number of samples is off", samples, len(measured))
        for i, sample in enumerate(measured):
            right = true_times(costs, new, costs["jitter"][warm_up + i])
            actual = [number(value, f"sample {i}") for value in pair(sample, f"sample {i}")]
            if not all(map(near, actual, right)):
                raise Wrong(f"{asked}: sample {i} is off", list(right), actual)


@check(
    points=1,
    hints=(
        "What is left of the difference of two large, nearly equal numbers?",
        "Few of their digits, or less than nothing: take the mean off each value before squaring.",
        "statistics.stdev(values)",
    ),
)
def samples_that_hardly_differ(work: Work) -> None:
    draw = work.draw
    level = draw.number(2e3, 9e3)
    for count in (2, draw.integer(5, 9)):
        for step in (1e-5, 0.0):
            values = [level + step * draw.integer(-9, 9) for _ in range(count)]
            values[0] = level + 10 * step
            told = pair(work.call("mean_and_spread", values), "mean and spread")
            mean = float(sum(map(Fraction, values)) / count)
            spread = statistics.stdev(map(Fraction, values))
            actual = [number(one, "mean and spread") for one in told]
            what = f"{count} samples near {level:.6g} that differ by {step:g}"
            if abs(actual[0] - mean) > 1e-9 * mean:
                raise Wrong(f"{what}: the mean is off", mean, actual[0])
            if abs(actual[1] - spread) > 1e-4 * spread + 1e-12 * level:
                raise Wrong(
                    f"{what}: the spread is off", float(spread), actual[1],
                    "the mean of squares less the square of the mean has lost its digits here",
                )  # fmt: skip
