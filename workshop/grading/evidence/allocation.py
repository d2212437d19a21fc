"""Which baseline a run is held against: one's own, of the same work, as near to it as there is.

A ratio is only fair where both sides had the same machine. Best is the same job; the same node and
device come next, because ``workshop submit all`` makes a job of each stage; another node with the
same device is better than nothing, and a doubt.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workshop.analysis.compare import refusal
from workshop.grading.evidence.log import Run
from workshop.record.results import Result
from workshop.stages import BASELINE

Where = Literal["in the same job", "on the same node", "on another node"]
NEAREST: tuple[Where, ...] = ("in the same job", "on the same node", "on another node")


@dataclass(frozen=True)
class Pair:
    """A run, and the baseline that it is held against.

    Attributes:
        ratio: of their speeds, each the median of its samples: one sample that was disturbed, or
            was not warm, moves it little.
    """

    run: Run
    baseline: Run
    where: Where
    ratio: float


def pair(run: Run, runs: Sequence[Run]) -> Pair | None:
    """The run beside the nearest of the baselines among ``runs``; None where none will do.

    Of several that are equally near it is the fastest: whoever keeps a slow one gains nothing.
    """
    speed = speed_of(run.result)
    if speed is None:
        return None
    fitting = [
        (NEAREST.index(where), -base, one)
        for one in runs
        if one.complete
        and one.exercise is None
        and one.result.stage == BASELINE
        and (base := speed_of(one.result)) is not None
        and difference(run.result, one.result) is None
        and (where := nearness(run.result, one.result)) is not None
    ]
    if not fitting:
        return None
    place, base, baseline = min(fitting, key=lambda found: found[:2])
    return Pair(run, baseline, NEAREST[place], speed / -base)


def speed_of(result: Result) -> float | None:
    """tokens/s of the sample in the middle, of one sequence; None where there is none above 0."""
    speeds = [speed for speed in result.sample_speeds if speed > 0]
    return statistics.median(speeds) if speeds else None


def difference(run: Result, baseline: Result) -> str | None:
    """Why the two did not do the same work; None where they did."""
    if run.dtype != baseline.dtype:
        return f"one ran in {run.dtype} and the other in {baseline.dtype}"
    return refusal([run, baseline])


def nearness(run: Result, baseline: Result) -> Where | None:
    """How near the two ran to each other; None on different devices."""
    if run.device is None or run.device != baseline.device:
        return None
    if run.slurm and baseline.slurm and run.slurm.job_id == baseline.slurm.job_id:
        return "in the same job"
    nodes = [one.slurm.nodes if one.slurm else None for one in (run, baseline)]
    same_host = run.host is not None and run.host == baseline.host
    return "on the same node" if same_host and nodes[0] == nodes[1] else "on another node"


def processors(result: Result) -> int | None:
    """Threads of all ranks; None on a GPU."""
    return None if result.threads is None else result.threads * max(1, result.world_size or 1)
