"""Runs one after the other: each says when it began and what it took, and so when it was over.

A baseline whose times were made longer runs into the run after it. So do two runs that were
started side by side in one job, which is honest and makes both slower: a doubt, never more. Runs of
two jobs may share a node without sharing what they measure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from workshop.grading.evidence.accounting import least_seconds, start_of
from workshop.grading.evidence.finding import found
from workshop.grading.evidence.log import Run
from workshop.grading.records import Finding
from workshop.util.text import one_line

SLACK = 2.0  # seconds: a record tells whole ones


def at_once(runs: Sequence[Run]) -> Iterator[Finding]:
    """Runs that began before the one before them, in the same job, can have been over."""
    timed = [(start, run) for run in runs if (start := start_of(run.result)) is not None]
    for (began, earlier), (then, later) in pairwise(sorted(timed, key=lambda pair: pair[0])):
        took, after = least_seconds(earlier.result), (then - began).total_seconds()
        if together(earlier, later) and took > after + SLACK:
            yield found(
                "doubt",
                later,
                f"it began {after:.0f} seconds after {one_line(earlier.log, 80)} "
                f"({earlier.label}), which took {took:.1f} seconds at the least: the two ran at "
                "once, or a time was changed",
            )


def together(one: Run, other: Run) -> bool:
    """Whether two different runs were in one job, or on one machine without any."""
    jobs = [run.result.slurm.job_id if run.result.slurm else None for run in (one, other)]
    same_place = jobs[0] == jobs[1] and one.result.host == other.result.host
    return same_place and one.result.samples != other.result.samples
