"""Checks of the stopwatch, against what the simulated device really took."""

from __future__ import annotations

import math
from typing import Any

from workshop.learn.checking import Draw, Work, Wrong, check, number, pair, same_number

from .device import Device

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
    costs, new = drawn_costs(work.draw), work.draw.integer(20, 60)
    ttft, decode = true_times(costs, new, costs["jitter"][0])
    device = Device(costs)
    told = work.call("asking:time_generation", new, answers=device.answers)
    measured = pair(told, "TTFT and decode")
    actual = [number(value, name) for value, name in zip(measured, ("TTFT", "decode"), strict=True)]
    launches = costs["launch"] * new
    if actual[0] + actual[1] < 1.5 * launches + 1e-6:
        raise Wrong(
            "this is the time of the launches: the device was still at work", ttft + decode,
            sum(actual), "nobody waits for the device: synchronize before reading the clock",
        )  # fmt: skip
    if near(actual[0], costs["busy"] + ttft - costs["launch"]):  # launched meanwhile
        raise Wrong(
            "TTFT has what ran before in it", ttft, actual[0],
            "the device was still busy: synchronize before the start as well",
        )  # fmt: skip
    if actual[0] < ttft / 2:
        raise Wrong(
            "TTFT is the time of a launch", ttft, actual[0],
            "wait for the device when the first token comes, too: synchronize, then read the clock",
        )  # fmt: skip
    if near(actual[0], ttft) and actual[1] < decode / 2:
        raise Wrong(
            "decode is the time of the launches", decode, actual[1],
            "wait for the device at the end: synchronize, then read the clock",
        )  # fmt: skip
    if near(actual[0], ttft) and near(actual[1], ttft + decode):
        hint = "decode begins where the first token is there: TTFT is counted twice"
        raise Wrong("decode has prefill in it", decode, actual[1], hint)
    if not near(actual[0], ttft):
        raise Wrong("TTFT is off", ttft, actual[0])
    if not near(actual[1], decode):
        raise Wrong("decode is off", decode, actual[1])


@check(
    points=2,
    needs=("one generation",),
    hints=(
        "Which generations are counted?",
        "First the warm-up, whose times are thrown away; then the samples.",
        "call time_generation warm_up times, then return those of samples further calls",
    ),
)
def warm_up_is_run_and_not_counted(work: Work) -> None:
    draw = work.draw
    costs = drawn_costs(draw, jitter=11)
    costs["cold_runs"] = warm_up = draw.integer(1, 4)
    samples, new = draw.integer(3, 6), draw.integer(10, 30)
    device = Device(costs)
    measured = work.call("asking:measure", new, warm_up, samples, answers=device.answers)
    if len(device.asked) == samples:
        hint = "there is no warm-up: run it first, and throw its times away"
        raise Wrong("the warm-up was not run", warm_up + samples, samples, hint)
    if any(length != new for length in device.asked[:warm_up]):
        raise Wrong(
            "the warm-up generates another number of tokens", new, device.asked[0],
            "warm up with what is measured: another length may be another graph",
        )  # fmt: skip
    if len(measured) == warm_up + samples:
        hint = "the warm-up is run and not counted"
        raise Wrong("the warm-up is among the samples", samples, len(measured), hint)
    if len(measured) != samples or len(device.asked) != warm_up + samples:
        actual = f"{len(device.asked)} generations, {len(measured)} of them counted"
        raise Wrong("the number of runs is off", f"{warm_up} and {samples}", actual)
    factors = costs["jitter"]
    for i, sample in enumerate(measured):
        ttft, decode = true_times(costs, new, factors[(warm_up + i) % len(factors)])
        actual = [number(value, f"sample {i}") for value in pair(sample, f"sample {i}")]
        if not (near(actual[0], ttft) and near(actual[1], decode)):
            raise Wrong(f"sample {i} is off", [ttft, decode], actual)


@check(
    points=1,
    hints=(
        "How many tokens come after the first?",
        "new_tokens - 1 of them, in the decode seconds.",
        "decode_seconds / (new_tokens - 1)",
    ),
)
def time_per_output_token(work: Work) -> None:
    for new in (work.draw.integer(5, 300), 2):
        seconds = work.draw.number(1.5, 9)
        actual = number(work.call("tpot", seconds, new), "TPOT")
        if near(actual, seconds / new):
            hint = "the first token's time is the TTFT: new_tokens - 1 are left"
            raise Wrong("TPOT is off", seconds / (new - 1), actual, hint)
        if near(actual, (new - 1) / seconds):
            hint = "seconds per token, not tokens per second"
            raise Wrong("TPOT is off", seconds / (new - 1), actual, hint)
        same_number(actual, seconds / (new - 1), f"TPOT of {new} tokens")


@check(
    points=1,
    hints=(
        "How many tokens were made in the decode seconds?",
        "One fewer than all: the first came with prefill.",
        "(new_tokens - 1) / decode_seconds",
    ),
)
def speed_of_decode(work: Work) -> None:
    for new in (work.draw.integer(5, 300), 2):
        seconds = work.draw.number(0.5, 9)
        actual = number(work.call("tokens_per_second", seconds, new), "tokens/s")
        if near(actual, new / seconds):
            hint = "the first token was not made in decode: new_tokens - 1 were"
            raise Wrong("tokens/s is off", (new - 1) / seconds, actual, hint)
        same_number(actual, (new - 1) / seconds, f"tokens/s of {new} tokens")


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
    for new in (draw.integer(2, 300), 1):
        ttft, each = draw.number(0.05, 2), draw.number(0.003, 0.1)
        expected = ttft + each * (new - 1)
        actual = number(work.call("latency", ttft, each, new), "the latency")
        for wrong, hint in (
            (
                ttft + each * new,
                "the first token is there after the TTFT: new_tokens - 1 others follow",
            ),
            (each * new, "the first token takes the TTFT"),
            (each * (new - 1), "the TTFT is missing"),
        ):
            # a TTFT may be as long as a TPOT
            if near(actual, wrong) and not near(actual, expected):
                raise Wrong("the latency is off", expected, actual, hint)
        same_number(actual, expected, f"the latency of {new} tokens")


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
    for count in (2, draw.integer(3, 9)):
        values = [draw.number(50, 150) for _ in range(count)]
        mean = sum(values) / count
        squares = sum((value - mean) ** 2 for value in values)
        expected = math.sqrt(squares / (count - 1))
        told = pair(work.call("mean_and_spread", values), "mean and spread")
        same_number(told[0], mean, "the mean", 1e-9)
        actual = number(told[1], "the spread")
        for wrong, hint in (
            (math.sqrt(squares / count), "a sample: divide by n - 1, not by n"),
            (squares / (count - 1), "that is the variance: take the root"),
            (expected / math.sqrt(count), "that is the standard error of the mean"),
        ):
            if abs(actual - wrong) < 1e-9 * wrong:
                raise Wrong("the spread is off", expected, actual, hint)
        same_number(actual, expected, "the spread", 1e-9)
