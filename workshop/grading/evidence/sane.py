"""Whether a record's numbers can be reckoned with at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from workshop.grading.evidence.finding import found
from workshop.grading.evidence.log import Run
from workshop.grading.records import Finding
from workshop.record.results import Result

MOST = 1e15  # no time, speed, count or number of bytes of a run is larger
HUGE = 1e300  # what still is a float
CLOCK = 1e-9  # seconds; no clock here counts less
# Of the settings: what others are multiplied and divided by.
COUNTS = ("samples", "new_tokens", "batch_size", "ranks", "decode_steps", "draft_tokens")


def sane(run: Run) -> Iterator[Finding]:
    """Numbers that a stopwatch and a model can have given: none negative, none beyond any machine.

    Every other check takes this one for granted: it may divide, multiply and add up.
    """
    for name, value in numbers_of(run.result):
        below_a_tick = name.startswith("decode_seconds") and 0 < value < CLOCK
        if not 0 <= value <= MOST or below_a_tick:
            shown = f"{value:.4g}" if abs(value) < HUGE else "beyond any number"
            yield found("contradiction", run, f"{name} is {shown}, which no run can have measured")
            return


def numbers_of(result: Result) -> Iterator[tuple[str, float]]:
    """Every number of a record that has a meaning of its own, by name."""
    for field in fields(result):
        value = getattr(result, field.name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield field.name, value
    for i, sample in enumerate(result.samples):
        for name in ("ttft_seconds", "decode_seconds", "verify_passes", "accepted"):
            value = getattr(sample, name)
            if value is not None:
                yield f"{name} of sample {i + 1}", value
        for name in ("proposed_by_position", "accepted_by_position"):
            for value in getattr(sample, name) or []:
                yield f"{name} of sample {i + 1}", value
    if result.reference is not None:
        for value in (result.reference.tokens_per_second, *result.reference.samples):
            yield "the reference's tokens/s", value
    if result.settings is not None:
        for name in COUNTS:
            yield f"{name} of the settings", getattr(result.settings, name)


def usable(run: Run) -> bool:
    return not any(sane(run))
