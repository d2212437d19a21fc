"""A run beside the class's runs of the same thing on the same device: its speed, and its ratio.

What agrees with itself and stays below its roof can still be made up. But a class runs the same
stages on the same machines, and its median is nobody's to write. Nodes differ and days do, so what
is far from it is a doubt, never more; and a few people make no class.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from workshop.grading.evidence.allocation import Pair, pair, speed_of
from workshop.grading.evidence.finding import found
from workshop.grading.evidence.log import Log, Run
from workshop.grading.evidence.sane import usable
from workshop.grading.records import Finding
from workshop.roofline.models import model_of
from workshop.stages import BASELINE

FEWEST = 5  # people with such a run, besides whom it is about
SLOW = 0.6  # of the others' median
FAST = 2.0  # times the others' median
FAR_AHEAD = 1.5  # times the others' median of ratios to their own baselines

Kind = tuple[object, ...]
Quantity = Callable[[Run], float | None]


def peers(logs: Mapping[str, Sequence[Log]]) -> dict[str, list[Finding]]:
    """What is far from the class's, by participant's id; who has nothing of it is left out."""
    by_kind: dict[Kind, list[tuple[str, Run]]] = defaultdict(list)
    for who, own in logs.items():
        for run in (run for log in own for run in log.runs if run.complete and usable(run)):
            if run.exercise is None:  # the speed of a participant's functions is their own
                by_kind[kind_of(run)].append((who, run))
    pairs = {who: pairs_of([run for log in own for run in log.runs]) for who, own in logs.items()}
    found_by: dict[str, list[Finding]] = defaultdict(list)
    for same in by_kind.values():
        for who, finding in [*far_off(same), *far_ahead(same, pairs)]:
            found_by[who].append(finding)
    return dict(found_by)


def pairs_of(runs: Sequence[Run]) -> dict[int, Pair]:
    """Each run's pair with the person's own baseline, by the run's identity."""
    whole = [run for run in runs if run.complete and usable(run)]
    stages = (run for run in whole if run.result.stage != BASELINE)
    return {id(run): held for run in stages if (held := pair(run, whole)) is not None}


def kind_of(run: Run) -> Kind:
    """What runs have in common that should be about as fast."""
    result = run.result
    return (
        result.label,
        result.device,
        result.threads,
        result.world_size,
        model_of(result),
        result.dtype,
        result.batch_size,
    )


def far_off(same: Sequence[tuple[str, Run]]) -> Iterator[tuple[str, Finding]]:
    """The runs of one kind that are far from the others'."""
    speeds = medians(same, lambda run: speed_of(run.result))
    widths = medians(same, lambda run: run.result.device_bandwidth_gb_per_second)
    for who, run in same:
        speed, usual = speed_of(run.result), median_of_others(speeds, who)
        if speed is not None and usual is not None:
            slow = run.result.stage == BASELINE and speed < SLOW * usual
            if slow or speed > FAST * usual:
                means = ": a slow baseline makes every ratio to it larger" if slow else ""
                yield (
                    who,
                    found(
                        "doubt",
                        run,
                        f"{speed:.4g} tokens/s, and the others' runs of this on "
                        f"{run.result.device} are at {usual:.4g} in the middle{means}",
                        others=len(speeds) - 1,
                    ),
                )
        width = run.result.device_bandwidth_gb_per_second
        usual = median_of_others(widths, who)
        if width is not None and usual is not None and width < SLOW * usual:
            yield (
                who,
                found(
                    "doubt",
                    run,
                    f"its device's bandwidth is given as {width:.4g} GB/s, and the others' as "
                    f"{usual:.4g} in the middle: a low one makes MBU larger",
                    others=len(widths) - 1,
                ),
            )


def far_ahead(
    same: Sequence[tuple[str, Run]], pairs: Mapping[str, Mapping[int, Pair]]
) -> Iterator[tuple[str, Finding]]:
    """The runs whose ratio to the own baseline is far above the others' ratios to theirs.

    A ratio is graded, and it has two ends: a run may be as fast as everybody's, and its baseline
    slower than a speed alone shows.
    """
    ratios = {
        (who, id(run)): pairs[who][id(run)].ratio for who, run in same if id(run) in pairs[who]
    }
    values: dict[str, list[float]] = defaultdict(list)
    for (who, _), one in ratios.items():
        values[who].append(one)
    by_person = {who: statistics.median(own) for who, own in values.items()}
    for who, run in same:
        ratio, middle = ratios.get((who, id(run))), median_of_others(by_person, who)
        if ratio is None or middle is None or ratio < FAR_AHEAD * middle:
            continue
        held = pairs[who][id(run)].baseline
        sentence = (
            f"it is {ratio:.2g} times its own baseline, and the others' runs of this are "
            f"{middle:.2g} times theirs in the middle"
        )
        yield who, found("doubt", run, sentence, baseline=held.log, others=len(by_person) - 1)


def medians(same: Sequence[tuple[str, Run]], quantity: Quantity) -> dict[str, float]:
    """One value a person: the median of those of their runs."""
    values: dict[str, list[float]] = defaultdict(list)
    for who, run in same:
        if (value := quantity(run)) is not None:
            values[who].append(value)
    return {who: statistics.median(own) for who, own in values.items()}


def median_of_others(by_person: Mapping[str, float], who: str) -> float | None:
    """None where there are too few of them."""
    others = [value for name, value in by_person.items() if name != who]
    return statistics.median(others) if len(others) >= FEWEST else None
