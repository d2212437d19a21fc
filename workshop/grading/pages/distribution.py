"""How a class came off, as numbers without names."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from workshop.grading.pages.roll import exercise_of, exercises_of, score_of, total
from workshop.grading.records import Class

FEWEST = 5  # people without whom a distribution tells of single ones
FEWEST_QUARTERS = 4  # people without whom there is no middle half
BINS = 10


@dataclass(frozen=True)
class Distribution:
    """Numbers of several people.

    Attributes:
        values: ascending.
        most: that could be had, or the largest.
    """

    values: tuple[float, ...]
    most: float

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def middle(self) -> tuple[float, float]:
        """Between which the middle half lies."""
        if len(self.values) < 2:
            return self.values[0], self.values[0]
        lower, _, upper = statistics.quantiles(self.values, n=4, method="inclusive")
        return lower, upper

    @property
    def quarters(self) -> bool:
        """Whether there are enough people to speak of a middle half."""
        return len(self.values) >= FEWEST_QUARTERS

    @cached_property
    def counts(self) -> list[int]:
        """How many in each tenth of what could be had; full points are in the last one."""
        found = [0] * BINS
        for value in self.values:
            share = value / self.most if self.most > 0 else 0.0
            found[min(BINS - 1, max(0, int(share * BINS)))] += 1
        return found

    @property
    def telling(self) -> bool:
        """Whether it can be shown to one of them: enough people are in it."""
        return len(self.values) >= FEWEST


def points(cls: Class) -> dict[str, Distribution]:
    """By exercise, of those on the roster who handed something of it in."""
    found = {}
    for name, most in exercises_of(cls).items():
        grades = [exercise_of(graded, name) for graded in cls.graded.values()]
        found[name] = _of([score_of(one) for one in grades if one and one.handed_in], most)
    return found


def totals(cls: Class) -> Distribution:
    """Of everybody on the roster who handed anything in."""
    most = sum(exercises_of(cls).values())
    return _of([total(graded) for graded in cls.graded.values()], most)


def speeds(cls: Class) -> dict[str, Distribution]:
    """Times the own baseline, by stage, of those whose logs count."""
    stages = dict.fromkeys(stage for graded in cls.graded.values() for stage in graded.speeds)
    return {stage: _of(values) for stage in stages if (values := _speeds(cls, stage))}


def _speeds(cls: Class, stage: str) -> list[float]:
    return [graded.speeds[stage] for graded in cls.graded.values() if stage in graded.speeds]


def _of(values: Iterable[float], most: float | None = None) -> Distribution:
    ascending = tuple(sorted(values))
    return Distribution(ascending, ascending[-1] if most is None else most)
