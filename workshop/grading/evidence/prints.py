"""Fingerprints of a run: what no second measurement has in common with it.

A stopwatch that counts nanoseconds gives no pair of times twice: the time to the first token and
that of decode, of one sample, are a fingerprint. Decode times alone are one where two or more of
them are equal. Samples may have been reordered or left out, so times are compared as multisets;
where the last digits were changed, or all times were multiplied by something, the first digits and
the proportions of the sorted times are compared instead, and more of them have to agree.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from workshop.grading.evidence.consistency import SHORTEST
from workshop.grading.evidence.log import Run

RATIO_DIGITS = 9  # decimals of a proportion between two times
FIRST_DIGITS = 7  # of a decode time whose last ones may have been changed
FEWEST_TIMES = 2  # equal decode times that are no accident
FEWEST_ROUGH = 0.3  # of the smaller run's first digits or proportions: one may agree by accident
MOST_TIMES = 100  # of a run that are compared: the shortest, in whatever order they stand

Print = tuple[str, object]


def times_of(run: Run) -> list[tuple[float, float]]:
    """Seconds to the first token, and of decode, of each sample."""
    return [(sample.ttft_seconds, sample.decode_seconds) for sample in run.result.samples]


def decodes_of(run: Run) -> list[float]:
    """Seconds of decode that are long enough to tell measurements apart, sorted."""
    return sorted(decode for _, decode in times_of(run) if decode > SHORTEST)[:MOST_TIMES]


def same_times(one: Run, other: Run) -> int:
    """How many decode times of one run are those of another, or agree in their first digits."""
    exact = (Counter(decodes_of(one)) & Counter(decodes_of(other))).total()
    rough = Counter(map(rough_time, decodes_of(one))) & Counter(map(rough_time, decodes_of(other)))
    return exact if exact >= FEWEST_TIMES else rough.total() if rough.total() > 1 else 0


def rough_time(seconds: float) -> str:
    return f"{seconds:.{FIRST_DIGITS - 1}e}"


def prints(run: Run) -> Iterator[Print]:
    """Each fingerprint with its kind; a kind says how many have to agree (``agree``)."""
    times = decodes_of(run)
    pairs = sorted((decode, first) for first, decode in times_of(run) if decode > SHORTEST)
    yield from (("sample", pair) for pair in pairs[:MOST_TIMES])
    yield from (("time", one) for one in times)
    yield from (("first digits", rough_time(one)) for one in times)
    for apart in (1, 2):
        both = zip(times, times[apart:], strict=False)
        yield from (("proportion", round(more / less, RATIO_DIGITS)) for less, more in both)


def agree(shared: Mapping[str, int], own: Mapping[str, int], other: Mapping[str, int]) -> bool:
    """Whether so many fingerprints of each kind in common mean one measurement.

    Args:
        own, other: how many of each kind the two runs have.
    """
    if shared.get("sample", 0) or shared.get("time", 0) >= FEWEST_TIMES:
        return True
    for kind in ("first digits", "proportion"):
        fewest = FEWEST_ROUGH * min(own.get(kind, 0), other.get(kind, 0))
        if shared.get(kind, 0) >= max(FEWEST_TIMES, math.ceil(fewest)):
            return True
    return False


def related(runs: Sequence[Run]) -> dict[int, set[int]]:
    """By a run's place, the places of the others that share its measurement.

    Runs with all fingerprints alike are compared once: a log in three hundred hands costs no more
    than one.
    """
    alike: dict[frozenset[Print], list[int]] = defaultdict(list)
    for place, run in enumerate(runs):
        if marks := frozenset(prints(run)):
            alike[marks].append(place)
    groups = list(alike)
    together: dict[int, set[int]] = defaultdict(set)
    for same in alike.values():
        join(together, same, same)
    for (first, second), shared in in_common(groups).items():
        if agree(shared, kinds(groups[first]), kinds(groups[second])):
            join(together, alike[groups[first]], alike[groups[second]])
            join(together, alike[groups[second]], alike[groups[first]])
    return dict(together)


def in_common(groups: Sequence[frozenset[Print]]) -> dict[tuple[int, int], Counter[str]]:
    """By each two places, how many fingerprints of each kind they share, where any."""
    by_print: dict[Print, list[int]] = defaultdict(list)
    for place, marks in enumerate(groups):
        for mark in marks:
            by_print[mark].append(place)
    shared: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for (kind, _), places in by_print.items():
        for i, first in enumerate(places):
            for second in places[i + 1 :]:
                shared[first, second][kind] += 1
    return shared


def kinds(marks: Iterable[Print]) -> Counter[str]:
    return Counter(kind for kind, _ in marks)


def join(together: dict[int, set[int]], these: Sequence[int], those: Sequence[int]) -> None:
    """Note that each of these belongs together with all of those, but not with itself."""
    for place in these:
        if others := set(those) - {place}:
            together[place] |= others
