"""Runs of the same thing, pooled into the numbers of one bar."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from workshop.analysis.identity import names_of
from workshop.record.results import Result, Sample, drawable, spread
from workshop.stages import BASELINE, STAGES, stage_order

LEAST = 1e-9  # that a logarithm is taken of


@dataclass(frozen=True)
class Value:
    """A mean, and the sample standard deviation around it where it is known."""

    mean: float
    std: float | None = None

    @property
    def has_logarithm(self) -> bool:
        return self.mean > LEAST


@dataclass(frozen=True)
class Pool:
    """All runs of the same name, to be drawn as one bar.

    Attributes:
        samples: counted generations, over all runs.
        memory_gb: the mean over the runs; a run has one memory, so there is no spread.
        builds_on: the stage that this one is measured against.
        baseline, before: the plain runs of baseline, and of that stage; None where there are none,
            or where their tokens/s count something else.
    """

    label: str
    stage: str | None
    runs: list[Result] = field(default_factory=list)
    samples: int = 0
    memory_gb: Value | None = None
    bandwidth_gb_per_second: Value | None = None
    tokens_per_second: Value | None = None
    builds_on: str | None = None
    baseline: Pool | None = None
    before: Pool | None = None

    @property
    def is_variant(self) -> bool:
        return self.label != (self.stage or "unknown")

    @property
    def is_server(self) -> bool:
        return self.runs[0].is_server

    def factors(self, quantity: Quantity, smaller_is_faster: bool = False) -> dict[str, float]:
        """How many times as fast as baseline and as the stage it builds on, by their names."""
        own = quantity(self)
        found: dict[str, float] = {}
        for stage, other in ((BASELINE, self.baseline), (self.builds_on, self.before)):
            against = quantity(other) if other else None
            if stage is None or own is None or against is None:
                continue
            fast, slow = (against, own) if smaller_is_faster else (own, against)
            if slow.mean > 0:
                found[stage] = fast.mean / slow.mean
        return found


Quantity = Callable[[Pool], Value | None]


def pooled(results: Sequence[Result]) -> list[Pool]:
    """One pool for each name: stages in their order, each variant beside its stage."""
    return pools_of(names_of(results, [result.has_number for result in results]), results)


def pools_of(names: Sequence[str], results: Sequence[Result]) -> list[Pool]:
    """One pool for each of these names, which the results have in turn."""
    runs: dict[str, list[Result]] = {}
    for name, result in zip(names, results, strict=True):
        runs.setdefault(name, []).append(result)
    pools = sorted((_pool(label, same) for label, same in runs.items()), key=_place)
    plain: dict[tuple[str | None, Kind], list[Pool]] = {}
    for pool in pools:
        if pool.stage == pool.runs[0].label:
            plain.setdefault((pool.stage, _kind(pool)), []).append(pool)

    def relative(pool: Pool, stage: str | None) -> Pool | None:
        alike = plain.get((stage, _kind(pool)), [])
        return next((other for other in alike if other is not pool), None)

    return [
        replace(pool, baseline=relative(pool, BASELINE), before=relative(pool, pool.builds_on))
        for pool in pools
    ]


def _place(pool: Pool) -> tuple[int, str, list[tuple[int, str]]]:
    """Stages in their order, and the points of a sweep in that of their numbers."""
    parts = re.split(r"(\d{1,18})", pool.label)
    natural = [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
    return stage_order(pool.stage), pool.stage or "~", natural


Kind = tuple[frozenset[str], frozenset[str]]


def _kind(pool: Pool) -> Kind:
    """Formats, and what tokens/s count: only numbers with the same of both may be divided."""
    counts = {
        str(run.definition or f"as {run.format} counts") for run in pool.runs if run.has_number
    }
    return frozenset(run.format for run in pool.runs), frozenset(counts)


def _builds_on(runs: Sequence[Result]) -> str | None:
    recorded = next((run.against for run in runs if run.against), None)
    stage = STAGES.get(runs[0].stage or "")
    return recorded or (stage.against if stage else None)


def baseline_of(pools: Sequence[Pool]) -> Pool | None:
    """The plain baseline, with no option changed: what the percentages are against."""
    return next((pool for pool in pools if pool.label == BASELINE), None)


def split_servers(results: Sequence[Result]) -> tuple[list[Result], list[Result]]:
    """Results for one panel, and the servers among them that need a panel of their own.

    A server's tokens/s grow with the requests that it answers side by side, one sequence's do not:
    servers stand apart wherever there are sequences with tokens/s.
    """
    sequences = [run for run in results if not run.is_server]
    if any(drawable(run.tokens_per_second) for run in sequences):
        return sequences, [run for run in results if run.is_server]
    return list(results), []


def mean_over(values: Sequence[float | None]) -> float | None:
    """The mean of the values that are known."""
    known = [value for value in values if drawable(value)]
    return math.fsum(known) / len(known) if known else None


def value_over(
    runs: Sequence[Result], each: Callable[[Sample], float | None], mean: float | None = None
) -> Value | None:
    """Mean and deviation of a quantity over all samples of all runs, or the mean that is given."""
    values = [each(sample) for run in runs for sample in run.samples]
    known = [value for value in values if drawable(value)]
    if not known:
        return Value(mean) if drawable(mean) else None
    return Value(math.fsum(known) / len(known), spread(known))


def _pool(label: str, runs: list[Result]) -> Pool:
    return Pool(
        label=label,
        stage=runs[0].stage,
        runs=runs,
        samples=sum(
            len(run.samples) or len(run.speeds) for run in runs if drawable(run.tokens_per_second)
        ),
        memory_gb=_memory(runs),
        bandwidth_gb_per_second=_over(
            runs, lambda run: (run.bandwidth_gb_per_second, run.bandwidth_std, _timed(run))
        ),
        tokens_per_second=_over(
            runs, lambda run: (run.tokens_per_second, run.tokens_per_second_std, _timed(run))
        ),
        builds_on=_builds_on(runs),
    )


def _memory(runs: Sequence[Result]) -> Value | None:
    mean = mean_over([run.memory_gb for run in runs])
    return Value(mean) if mean is not None else None


def _timed(run: Result) -> int:
    """Samples that have a speed; a run of which only the mean is known counts as one."""
    return len(run.sample_speeds) or 1


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
