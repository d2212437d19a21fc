"""Runs of the same thing, pooled into the numbers of one bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from workshop.results import Result
from workshop.stages import BASELINE, stage_order


@dataclass(frozen=True)
class Value:
    """A mean, and the sample standard deviation around it where it is known."""

    mean: float
    std: float | None = None


@dataclass(frozen=True)
class Pool:
    """All runs with the same label, to be drawn as one bar.

    Attributes:
        samples: counted generations, over all runs.
        memory_gb: the mean over the runs; a run has one memory, so there is no spread.
    """

    label: str
    stage: str | None
    runs: list[Result] = field(default_factory=list)
    samples: int = 0
    memory_gb: Value | None = None
    bandwidth_gb_per_second: Value | None = None
    tokens_per_second: Value | None = None

    @property
    def is_variant(self) -> bool:
        return self.label != (self.stage or "unknown")


def pooled(results: Sequence[Result]) -> list[Pool]:
    """One pool for each label: stages in their order, each variant beside its stage."""
    runs: dict[str, list[Result]] = {}
    for result in results:
        runs.setdefault(result.label, []).append(result)
    pools = [_pool(label, same) for label, same in runs.items()]
    return sorted(pools, key=lambda pool: (stage_order(pool.stage), pool.stage or "~", pool.label))


def baseline_of(pools: Sequence[Pool]) -> Pool | None:
    """The plain baseline, with no option changed: what the percentages are against."""
    return next((pool for pool in pools if pool.label == BASELINE), None)


def has_number(result: Result) -> bool:
    """Whether there is anything of this result to draw."""
    values = (result.memory_gb, result.bandwidth_gb_per_second, result.tokens_per_second)
    return any(drawable(value) for value in values)


def _pool(label: str, runs: list[Result]) -> Pool:
    return Pool(
        label=label,
        stage=runs[0].stage,
        runs=runs,
        samples=sum(len(run.samples) for run in runs if drawable(run.tokens_per_second)),
        memory_gb=_memory(runs),
        bandwidth_gb_per_second=_over(
            runs, lambda run: (run.bandwidth_gb_per_second, run.bandwidth_std, _timed(run))
        ),
        tokens_per_second=_over(
            runs, lambda run: (run.tokens_per_second, run.tokens_per_second_std, _timed(run))
        ),
    )


def _memory(runs: Sequence[Result]) -> Value | None:
    known = [run.memory_gb for run in runs if drawable(run.memory_gb)]
    return Value(math.fsum(known) / len(known)) if known else None


def _timed(run: Result) -> int:
    """Samples that have a speed; a run of which only the mean is known counts as one."""
    return sum(sample.tokens_per_second is not None for sample in run.samples) or 1


def drawable(value: float | None) -> TypeGuard[float]:
    """Whether a bar can stand for the value: known, finite, of a size that the units allow."""
    return value is not None and 0 <= value < 1e15


def _over(
    runs: Sequence[Result], numbers: Callable[[Result], tuple[float | None, float | None, int]]
) -> Value | None:
    """Mean and deviation over all samples of all runs, from each run's mean, deviation and count.

    The same as over the samples themselves: the squares around the common mean are those around
    each run's own mean, (n - 1) s^2, and those of that mean's distance, n (m - M)^2.
    """
    known = [(mean, std, count) for mean, std, count in map(numbers, runs) if drawable(mean)]
    if not known:
        return None
    if len(known) == 1:
        mean, std, _ = known[0]
        return Value(mean, std if drawable(std) else None)
    total = sum(count for *_, count in known)
    common = math.fsum(mean * count for mean, _, count in known) / total
    squares = math.fsum(
        (count - 1) * (std if drawable(std) else 0.0) ** 2 + count * (mean - common) ** 2
        for mean, std, count in known
    )
    return Value(common, math.sqrt(squares / (total - 1)))
