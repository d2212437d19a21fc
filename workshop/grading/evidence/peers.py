"""A run beside the class's runs of the same thing on the same device.

What agrees with itself and stays below its roof can still be made up. But a class runs the same
stages on the same machines, and its median is nobody's to write. Nodes differ and days do, so what
is far from it is a doubt, never more; and a few people make no class.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from workshop.grading.evidence.allocation import speed_of
from workshop.grading.evidence.finding import found
from workshop.grading.evidence.log import Log, Run
from workshop.grading.evidence.sane import usable
from workshop.grading.records import Finding
from workshop.roofline.models import model_of
from workshop.stages import BASELINE

FEWEST = 5  # people with such a run, besides whom it is about
SLOW = 0.6  # of the others' median
FAST = 2.0  # times the others' median

Kind = tuple[object, ...]
Quantity = Callable[[Run], float | None]


def peers(logs: Mapping[str, Sequence[Log]]) -> dict[str, list[Finding]]:
    """What is far from the class's, by participant's id; who has nothing of it is left out."""
    by_kind: dict[Kind, list[tuple[str, Run]]] = defaultdict(list)
    for who, own in logs.items():
        for run in (run for log in own for run in log.runs if run.complete and usable(run)):
            by_kind[kind_of(run)].append((who, run))
    found_by: dict[str, list[Finding]] = defaultdict(list)
    for same in by_kind.values():
        for who, finding in far_off(same):
            found_by[who].append(finding)
    return dict(found_by)


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
