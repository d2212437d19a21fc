"""Checks of the stopwatch, against what the simulated device really took."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from workshop.learn.causes import Call, cause
from workshop.learn.checking import Draw, Work, Wrong, check, judge_numbers, number, pair

from .device import Device
from .samples import Series, cause_of_series, same
from .stopwatch import cause_of_times

CLOSE = 1e-4


def drawn_costs(draw: Draw, jitter: int = 1) -> dict[str, Any]:
    """Seconds that things take on the device; launching is always the shorter."""
    step = draw.number(4e-3, 12e-3)
    return {
        "start": draw.number(100, 1000),
        "busy": draw.number(0.05, 0.2),
        "launch": step * draw.number(0.05, 0.2),
        "prefill": step * draw.number(5, 15),
        "step": step,
        "cold": draw.number(5, 20),
        "cold_runs": 0,
        "jitter": [draw.number(0.9, 1.1) for _ in range(jitter)],
    }


def near(actual: float, expected: float) -> bool:
    return abs(actual - expected) < CLOSE * expected


def true_times(costs: dict[str, Any], new_tokens: int, factor: float) -> tuple[float, float]:
    """TTFT and decode seconds, worked out by hand: the device is always the slower of the two.

    With a wait after the first token, each of the next two phases begins with one launch.
    """
    ttft = costs["launch"] + costs["prefill"] * factor
    decode = costs["launch"] + (new_tokens - 1) * costs["step"] * factor
    return ttft, decode


@check(
    points=3,
    hints=(
        "When is the first token really there?",
        "The stopwatch must wait for the device each time before it is read.",
        "synchronize, now; next(tokens), synchronize, now; the other tokens, synchronize, now",
    ),
)
def one_generation(work: Work) -> None:
    for new in (work.draw.integer(20, 60), 2):
        judge_generation(work, new)


def judge_generation(work: Work, new: int) -> None:
    costs = drawn_costs(work.draw)
    ttft, decode = true_times(costs, new, costs["jitter"][0])
    device = Device(costs)
    told = work.call("asking:time_generation", new, answers=device.answers)
    if len(device.asked) > 1:
        raise Wrong("one generation is to be timed", 1, len(device.asked))
    if device.asked != [new]:
        asked = f"generate({device.asked[0]})" if device.asked else "no generate(...)"
        raise Wrong("the generation has another length", f"generate({new})", asked,
                    "generate new_tokens tokens: the first is one of them")  # fmt: skip
    measured = pair(told, "TTFT and decode")
    actual = [number(value, name) for value, name in zip(measured, ("TTFT", "decode"), strict=True)]
    for i, (name, right) in enumerate((("TTFT", ttft), ("decode", decode))):
        if not near(actual[i], right):
            hint = cause_of_times(device, new, actual[0], actual[1])
            raise Wrong(f"{name} of {new} tokens is off", right, actual[i], hint)


@check(
    points=2,
    hints=(
        "Which generations are counted?",
        "First the warm-up, whose times are thrown away; then the samples.",
        "call time_generation warm_up times, then return those of samples further calls",
    ),
)
def warm_up_is_run_and_not_counted(work: Work) -> None:
    """With a ``time_generation`` that works, whatever theirs does."""
    draw = work.draw
    series = [
        run_series(work, *given)
        for given in (
            (draw.integer(2, 4), draw.integer(5, 7)),
            (0, draw.integer(2, 4)),
            (1, 3),
            (3, 1),
        )
    ]
    for one in series:
        if not as_asked(one):
            judge_series(one, cause_of_series(series))


def as_asked(one: Series) -> bool:
    return one.lengths == [one.new_tokens] * (one.warm_up + one.samples) and same(
        one.counted, one.right
    )


def judge_series(one: Series, hint: str | None) -> None:
    what = f"warm_up {one.warm_up}, samples {one.samples}"
    if one.run != one.warm_up + one.samples:
        expected = one.warm_up + one.samples
        raise Wrong(f"{what}: the number of generations is off", expected, one.run, hint)
    if len(one.counted) != one.samples:
        counted = len(one.counted)
        raise Wrong(f"{what}: the number of samples is off", one.samples, counted, hint)
    if one.lengths != [one.new_tokens] * one.run:
        odd = next(length for length in one.lengths if length != one.new_tokens)
        raise Wrong(f"{what}: a generation has another length", one.new_tokens, odd, hint)
    pairs = zip(one.counted, one.right, strict=True)
    i = next(i for i, (sample, right) in enumerate(pairs) if not same([sample], [right]))
    raise Wrong(f"{what}: sample {i} is off", list(one.right[i]), list(one.counted[i]), hint)


def run_series(work: Work, warm_up: int, samples: int) -> Series:
    costs, new = drawn_costs(work.draw, jitter=11), work.draw.integer(10, 30)
    costs["cold_runs"] = warm_up
    costs["busy"] = 0.0
    device = Device(costs)
    measured = work.call("asking:measure", new, warm_up, samples, answers=device.answers)
    if not isinstance(measured, list):
        hint = "return the samples: a list of (TTFT, decode)"
        raise Wrong("the samples are not a list", f"{samples} samples", measured or "None", hint)
    pairs = [pair(sample, f"sample {i}") for i, sample in enumerate(measured)]
    counted = [(number(a, "TTFT"), number(b, "decode")) for a, b in pairs]
    factors = costs["jitter"]
    right = [true_times(costs, new, factors[(warm_up + i) % len(factors)]) for i in range(samples)]
    first = [
        true_times(costs, new, factors[i % len(factors)] * (costs["cold"] if i < warm_up else 1))
        for i in range(samples)
    ]
    return Series(new, warm_up, samples, device.asked, right, first, counted)


@check(
    points=1,
    hints=(
        "How many tokens come after the first?",
        "new_tokens - 1 of them, in the decode seconds.",
        "decode_seconds / (new_tokens - 1)",
    ),
)
def time_per_output_token(work: Work) -> None:
    judge_numbers(
        work,
        "tpot",
        lambda seconds, new: seconds / (new - 1),
        drawn_decodes(work.draw),
        (
            ("the first token's time is the TTFT: new_tokens - 1 are left", lambda s, n: s / n),
            ("new_tokens - 1 tokens come after the first, not new_tokens + 1",
             lambda s, n: s / (n + 1)),
            ("seconds per token, not tokens per second", lambda s, n: (n - 1) / s),
            ("seconds per token, not tokens per second; and new_tokens - 1 tokens",
             lambda s, n: n / s),
            ("time per token: divide by the tokens after the first", lambda s, n: s),
        ),
    )  # fmt: skip


def drawn_decodes(draw: Draw) -> list[tuple[float, int]]:
    """Decode seconds, and tokens in them and before; 2 tokens last."""
    counts = (draw.integer(5, 300), draw.integer(301, 900), 3, 2)
    return [(draw.number(1.5, 9), count) for count in counts]


@check(
    points=1,
    hints=(
        "How many tokens were made in the decode seconds?",
        "One fewer than all: the first came with prefill.",
        "(new_tokens - 1) / decode_seconds",
    ),
)
def speed_of_decode(work: Work) -> None:
    judge_numbers(
        work,
        "tokens_per_second",
        lambda seconds, new: (new - 1) / seconds,
        drawn_decodes(work.draw),
        (
            ("the first token was not made in decode: new_tokens - 1 were", lambda s, n: n / s),
            ("new_tokens - 1 were made in decode, not new_tokens + 1", lambda s, n: (n + 1) / s),
            ("tokens per second, not seconds per token", lambda s, n: s / (n - 1)),
            ("tokens per second, not seconds per token; and new_tokens - 1 tokens",
             lambda s, n: s / n),
            ("how many tokens are there in those seconds?", lambda s, n: 1 / s),
        ),
    )  # fmt: skip


@check(
    points=1,
    hints=(
        "What comes after the first token?",
        "new_tokens - 1 others, one TPOT each.",
        "ttft + seconds_per_token * (new_tokens - 1)",
    ),
)
def latency_of_a_whole_text(work: Work) -> None:
    draw = work.draw
    cases = [
        (draw.number(0.2, 2), draw.number(0.003, 0.1), count)
        for count in (draw.integer(3, 300), draw.integer(301, 900), 2, 1)
    ]
    judge_numbers(
        work,
        "latency",
        lambda ttft, each, new: ttft + each * (new - 1),
        cases,
        (
            ("the first token is there after the TTFT: new_tokens - 1 others follow",
             lambda ttft, each, new: ttft + each * new),
            ("the first token takes the TTFT: add it, and one TPOT fewer",
             lambda ttft, each, new: each * new),
            ("the TTFT is missing", lambda ttft, each, new: each * (new - 1)),
            ("a text has one TTFT: add it once, not for every token",
             lambda ttft, each, new: (ttft + each) * (new - 1)),
            ("a text has one TTFT: add it once, not for every token",
             lambda ttft, each, new: (ttft + each) * new),
            ("seconds_per_token is a time: multiply by it, as a speed would divide",
             lambda ttft, each, new: ttft + (new - 1) / each),
            ("every token after the first takes a TPOT", lambda ttft, each, new: ttft + each),
            ("that is the TTFT alone: the other tokens take time as well",
             lambda ttft, each, new: ttft),
            ("new_tokens - 1 others follow the first, not new_tokens - 2",
             lambda ttft, each, new: ttft + each * (new - 2)),
            ("new_tokens - 1 others follow the first, not new_tokens - 2",
             lambda ttft, each, new: ttft + each * max(0, new - 2)),
        ),
    )  # fmt: skip


@check(
    points=2,
    hints=(
        "The spread of a sample, from which the mean was taken too.",
        "The sum of squares is divided by n - 1.",
        "statistics.fmean(values), statistics.stdev(values)",
    ),
)
def mean_and_spread_of_samples(work: Work) -> None:
    draw = work.draw
    counts = (draw.integer(5, 9), 4, 3, 2)
    apart = [[draw.number(50, 150) for _ in range(count)] for count in counts]
    judge_spreads(work, [*apart, *hardly_apart(draw, (2, draw.integer(5, 9)))])


def hardly_apart(draw: Draw, counts: Sequence[int]) -> list[list[float]]:
    """Samples that differ by some 1e-5, and some that do not differ at all."""
    level = draw.number(2e3, 9e3)
    found = []
    for count in counts:
        for step in (1e-5, 0.0):
            values = [level + step * draw.integer(-9, 9) for _ in range(count)]
            found.append([level + 10 * step, *values[1:]])
    return found


def judge_spreads(work: Work, samples: list[list[float]]) -> None:
    """Raises Wrong unless mean and spread of each of the samples are right."""
    calls = []
    for values in samples:
        told = pair(work.call("mean_and_spread", values), "mean and spread")
        actual = tuple(number(one, "mean and spread") for one in told)
        calls.append(Call((values,), exact(values), actual))
    for call in calls:
        for i, name in enumerate(("mean", "spread")):
            if not fits(call, i):
                values = call.given[0]
                span = f"from {min(values):.6g} to {max(values):.6g}"
                what = f"the {name} of {len(values)} samples {span} is off"
                hint = cause(calls, SPREADS, alike) or digits_cause(calls)
                raise Wrong(what, call.expected[i], call.actual[i], hint)


def exact(values: Sequence[float]) -> tuple[float, float]:
    exactly = [Fraction(value) for value in values]
    return float(sum(exactly) / len(exactly)), float(statistics.stdev(exactly))


def fits(call: Call, place: int) -> bool:
    """Whether the mean (0) or the spread (1) is right, up to what fp64 may lose."""
    mean, off = call.expected[0], abs(call.actual[place] - call.expected[place])
    return bool(off <= (1e-9 * mean, 1e-4 * call.expected[1] + 1e-12 * mean)[place])


def alike(actual: tuple[float, ...], wrong: tuple[float, float]) -> bool:
    return all(abs(a - w) <= 1e-7 * abs(w) + 1e-9 for a, w in zip(actual, wrong, strict=True))


def spread_as(of: Callable[[Sequence[float]], float]) -> Callable[[Sequence[float]], Any]:
    """Somebody's mean and spread, where the mean is right."""
    return lambda values: (statistics.fmean(values), of(values))


SPREADS = (
    ("a sample: divide by n - 1, not by n", spread_as(statistics.pstdev)),
    ("that is the variance: take the root", spread_as(statistics.variance)),
    ("that is the variance, and divided by n: take the root, and divide by n - 1",
     spread_as(statistics.pvariance)),
    ("that is the standard error of the mean",
     spread_as(lambda values: statistics.stdev(values) / math.sqrt(len(values)))),
    ("that is relative to the mean: the spread has the unit of the values",
     spread_as(lambda values: statistics.stdev(values) / statistics.fmean(values))),
    ("that is the largest less the smallest; the standard deviation is asked for",
     spread_as(lambda values: max(values) - min(values))),
    ("squares are averaged, not distances: the mean absolute deviation is something else",
     spread_as(lambda values: statistics.fmean(abs(v - statistics.fmean(values)) for v in values))),
    ("that is the median; the mean is asked for",
     lambda values: (statistics.median(values), statistics.stdev(values))),
    ("that is the geometric mean; the arithmetic one is asked for",
     lambda values: (statistics.geometric_mean(values), statistics.stdev(values))),
    ("that is the harmonic mean; the arithmetic one is asked for",
     lambda values: (statistics.harmonic_mean(values), statistics.stdev(values))),
    ("that is half of the largest less the smallest; the standard deviation is asked for",
     spread_as(lambda values: (max(values) - min(values)) / 2)),
    ("first the mean, then the spread",
     lambda values: (statistics.stdev(values), statistics.fmean(values))),
    ("that is the sum: the mean is divided by how many there are",
     lambda values: (sum(values), statistics.stdev(values))),
)  # fmt: skip


def digits_cause(calls: Sequence[Call]) -> str | None:
    """Where digits are lost: right for samples that differ, and off for those that hardly do."""
    import torch

    apart = [call for call in calls if max(call.given[0]) - min(call.given[0]) > 1]
    results = torch.tensor([call.actual for call in calls], dtype=torch.float64)
    if torch.equal(results, results.float().double()):
        return "these are numbers of fp32, which has 7 digits: work in fp64 (dtype=torch.float64)"
    right_if_apart = all(fits(call, 0) and fits(call, 1) for call in apart)
    if apart and right_if_apart and all(fits(call, 0) for call in calls):
        return (
            "it is right where samples differ: squares of large numbers lose the digits in which "
            "these do; take the mean off each value before squaring"
        )
    return None
