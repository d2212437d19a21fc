"""Two sets of runs against each other: percent, and whether it is more than noise.

The test is Welch's t on logarithms: what is compared is a ratio, times scatter by factors, and the
two sides may scatter differently. Where both sides have several runs of a stage, a run's mean is
one value: samples of one process are more alike than runs are.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeGuard

from workshop.analysis.identity import subject
from workshop.analysis.matching import Group, Matching, groups_of, labels_of, matched
from workshop.analysis.students_t import quantile, two_sided_p
from workshop.record.results import Result
from workshop.roofline.models import model_of
from workshop.util.errors import UsageError

LEVEL = 0.01  # a compare makes a few dozen tests: at 5 % each would often cry wolf
METHOD = "Welch's t-test on logarithms; intervals of the ratio of geometric means at 99 %"
Unit = Literal["runs", "samples"]


@dataclass(frozen=True)
class Metric:
    """One quantity: what a run says of it, and which of its samples do."""

    name: str
    unit: str
    more_is_better: bool
    mean: Callable[[Result], float | None]
    samples: Callable[[Result], list[float]]
    std: Callable[[Result], float | None] = lambda run: None


METRICS = (
    Metric(
        "tokens/s",
        "tokens/s",
        True,
        lambda run: run.tokens_per_second,
        lambda run: run.sample_speeds,
        lambda run: run.tokens_per_second_std,
    ),
    Metric(
        "TTFT",
        "s",
        False,
        lambda run: run.ttft_seconds,
        lambda run: [sample.ttft_seconds for sample in run.samples],
    ),
    Metric(
        "TPOT",
        "s",
        False,
        lambda run: run.tpot_seconds,
        lambda run: [s.tpot_seconds for s in run.samples if s.tpot_seconds is not None],
    ),
    Metric(
        "bandwidth",
        "GB/s",
        True,
        lambda run: run.bandwidth_gb_per_second,
        lambda run: [],
        lambda run: run.bandwidth_std,
    ),
    Metric("memory", "GB", False, lambda run: run.memory_gb, lambda run: []),
)
SPEED = METRICS[0].name


@dataclass(frozen=True)
class Logs:
    """What is known of the logarithms of one side: their mean, their variance, how many."""

    mean: float
    variance: float
    count: int


@dataclass(frozen=True)
class Ratio:
    """The new side over the old one.

    Attributes:
        low, high: the interval at 99 %; None where there are too few values.
        p: how often chance alone would give a difference like this one.
    """

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None

    @property
    def more_than_noise(self) -> bool | None:
        """None if there are too few values to decide."""
        return None if self.p is None else self.p < LEVEL


@dataclass(frozen=True)
class Change:
    """One metric of one stage.

    Attributes:
        unit: of ``old`` and ``new``.
        counted: what is one value of the test.
    """

    label: str
    metric: str
    unit: str
    old: float
    new: float
    percent: float
    ratio: Ratio
    counted: Unit
    counts: tuple[int, int]
    more_than_noise: bool | None
    better: bool


@dataclass(frozen=True)
class Comparison:
    """All changes, and what has no counterpart.

    Attributes:
        missing: labels that the old side has tokens/s of and the new side has not, and why.
        added: labels that only the new side has tokens/s of.
    """

    changes: list[Change]
    missing: dict[str, str]
    added: list[str]
    method: str = METHOD


def compare(old: Sequence[Result], new: Sequence[Result], across: bool = True) -> Comparison:
    """Hold the runs of each stage against those of the same stage on the other side.

    Args:
        across: compare two stages where each side has a single one.

    Raises:
        UsageError: numbers that mean different things, or none on the old side.
    """
    before, after = (
        groups_of([r for r in side if _usable(r.tokens_per_second)]) for side in (old, new)
    )
    if not before:
        raise UsageError("A has no run with tokens/s to hold anything against")
    found = matched(before, after)
    labels = _labels(found)
    if across and len(before) == len(after) == 1 and before[0].subject != after[0].subject:
        found, labels = _the_only_two(before[0], after[0])
    left_over = Counter(group.subject for group, _ in found.missing)
    for group, _ in found.missing:
        if left_over[group.subject] == 1:
            _refuse_what_differs(group, found.added, labels[group])
    changes = [
        change
        for one, other in found.pairs
        for metric in METRICS
        if (change := change_of(labels[one], metric, one.runs, other.runs)) is not None
    ]
    return Comparison(
        changes=changes,
        missing={labels[group]: _why_missing(group, why, new) for group, why in found.missing},
        added=[labels[group] for group in found.added],
    )


def _the_only_two(one: Group, other: Group) -> tuple[Matching, dict[Group, str]]:
    """Two runs that are not of one stage, but all that there are: they are what is compared.

    Raises:
        UsageError: they are of different models, batches or prompts, or their tokens/s count
            different things.
    """
    if sentence := refusal([*one.runs, *other.runs]):
        raise UsageError(f"{other.subject} cannot be compared with {one.subject}: {sentence}")
    label = f"{_in_full(other, one)} against {_in_full(one, other)}"
    return Matching([(one, other)], [], []), {one: label}


def _in_full(group: Group, other: Group) -> str:
    """The subject, and what was asked of it otherwise than of the other."""
    own = [words for name, words in group.asked.items() if other.asked.get(name) != words]
    return f"{group.subject} ({', '.join(own)})" if own else group.subject


def _labels(found: Matching) -> dict[Group, str]:
    """What each group is called, among all of both sides; the two of a pair alike."""
    groups = [
        *(one for one, _ in found.pairs),
        *(group for group, _ in found.missing),
        *found.added,
    ]
    return dict(zip(groups, labels_of(groups), strict=True))


def _refuse_what_differs(group: Group, added: Sequence[Group], label: str) -> None:
    """Say why the only two groups of a subject that are left over cannot be compared.

    Raises:
        UsageError: they are of different models, batches or prompts, or their tokens/s count
            different things.
    """
    others = [other for other in added if other.subject == group.subject]
    if len(others) == 1 and (sentence := refusal([*group.runs, *others[0].runs])):
        raise UsageError(f"{label} cannot be compared: {sentence}")


def refusal(runs: Sequence[Result]) -> str | None:
    """Why these runs' numbers do not mean the same thing; None if they do."""
    definitions = dict.fromkeys(
        str(run.definition) if run.definition else "something unknown" for run in runs
    )
    if len(definitions) > 1:
        return f"tokens/s count different things ({'; '.join(definitions)})"
    for name, values in (
        ("models", [model_of(run) for run in runs]),
        ("batch sizes", [run.batch_size for run in runs]),
        ("lengths of the prompt in tokens", [run.prompt_tokens for run in runs]),
    ):
        known = dict.fromkeys(str(value) for value in values if value is not None)
        if len(known) > 1:
            return f"there are different {name} ({', '.join(known)})"
    return None


def change_of(
    label: str, metric: Metric, old: Sequence[Result], new: Sequence[Result]
) -> Change | None:
    """The change of one metric; None if a side lacks it."""
    means = [[m for m in map(metric.mean, side) if _usable(m)] for side in (old, new)]
    if not all(means):
        return None
    counted: Unit = "runs" if min(map(len, means)) > 1 else "samples"
    before, after = (
        logs_of(side_means) if counted == "runs" else _of_samples(metric, side, side_means)
        for side, side_means in zip((old, new), means, strict=True)
    )
    ratio = ratio_of(before, after)
    return Change(
        label=label,
        metric=metric.name,
        unit=metric.unit,
        old=math.exp(before.mean),
        new=math.exp(after.mean),
        percent=100 * (ratio.value - 1),
        ratio=ratio,
        counted=counted,
        counts=(before.count, after.count),
        more_than_noise=ratio.more_than_noise,
        better=(ratio.value >= 1) == metric.more_is_better,
    )


def logs_of(values: Sequence[float]) -> Logs:
    """The moments of the logarithms of these values, all above 0."""
    logs = [math.log(value) for value in values]
    variance = statistics.variance(logs) if len(logs) > 1 else 0.0
    return Logs(statistics.fmean(logs), variance, len(logs))


def ratio_of(old: Logs, new: Logs) -> Ratio:
    """The ratio of the two, with Welch's test; without one if a side has fewer than two values."""
    difference = new.mean - old.mean
    if min(old.count, new.count) < 2:
        return Ratio(_exp(difference))
    parts = (old.variance / old.count, new.variance / new.count)
    error = math.sqrt(sum(parts))
    if error < 1e-12 * max(1.0, abs(difference)):  # no scatter but that of rounding
        same = abs(difference) < 1e-12
        return Ratio(_exp(difference), _exp(difference), _exp(difference), 1.0 if same else 0.0)
    largest = max(parts)  # the squares of tiny variances would vanish
    shares = [part / largest for part in parts]
    degrees = sum(shares) ** 2 / (
        shares[0] ** 2 / (old.count - 1) + shares[1] ** 2 / (new.count - 1)
    )
    reach = quantile(LEVEL, degrees) * error
    return Ratio(
        _exp(difference),
        _exp(difference - reach),
        _exp(difference + reach),
        two_sided_p(difference / error, degrees),
    )


def _of_samples(metric: Metric, runs: Sequence[Result], means: Sequence[float]) -> Logs:
    values = [value for run in runs for value in metric.samples(run) if _usable(value)]
    if values:
        return logs_of(values)
    (run, mean), std = (runs[0], means[0]), metric.std(runs[0])
    if len(means) == 1 and len(runs) == 1 and std is not None and 0 <= std < math.inf:
        relative = min(std / mean, 1e6)  # to first order, the scatter of the logarithm
        return Logs(math.log(mean), relative**2, max(len(run.sample_speeds), 1))
    return logs_of(means)


def _why_missing(group: Group, why: str, new: Sequence[Result]) -> str:
    runs = [run for run in new if subject(run) == group.subject]
    if not runs or any(_usable(run.tokens_per_second) for run in runs):
        return why
    return f"B's run has no tokens/s: {runs[0].reason or 'it gives no reason'}"


def _usable(value: float | None) -> TypeGuard[float]:
    return value is not None and 0 < value < math.inf


def _exp(value: float) -> float:
    return math.exp(max(min(value, 700.0), -700.0))
