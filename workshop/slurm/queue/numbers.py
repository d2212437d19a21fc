"""Slurm's numbers of jobs: of arrays and their tasks, of heterogeneous jobs and their parts.

squeue and sacct print '123', '123_4' and '123_[0-3,7-9:2%1]' for an array, and '123+0', '123+1' for
the parts of a heterogeneous job, which is submitted, followed and cancelled as '123'.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator

from workshop.slurm.queue.jobstate import UNKNOWN, JobState

ID = re.compile(r"(?P<job>[0-9]+)(?:\+[0-9]+)?(?:_(?P<task>[0-9]+))?")
_TASKS = re.compile(r"(?P<job>[0-9]+)(?:\+[0-9]+)?_\[(?P<tasks>[0-9,:-]+)(?:%[0-9]+)?\]")
_SPAN = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?(?::([1-9]\d{0,17}))?")


def is_number(text: str) -> bool:
    """Whether squeue or sacct could print it for a job, or for tasks of one."""
    return bool(ID.fullmatch(text) or _TASKS.fullmatch(text))


def of_job(number: str) -> str:
    """The number without task and part."""
    return re.split(r"[_+]", number, maxsplit=1)[0]


def matched(asked: Iterable[str], states: Iterable[JobState]) -> dict[str, JobState]:
    """The jobs asked for among those found; one row may stand for many array tasks."""
    wanted: dict[str, list[str]] = {}
    for job_id in asked:
        if ID.fullmatch(job_id):
            wanted.setdefault(of_job(job_id), []).append(job_id)
    found: dict[str, JobState] = {}
    for state in by_row(states):
        for job_id in wanted.get(of_job(state.job_id), []):
            if stands_for(state.job_id, job_id):
                mine = dataclasses.replace(state, job_id=job_id)
                found[job_id] = least_done(mine, found.get(job_id))
    return found


def by_row(states: Iterable[JobState]) -> Iterable[JobState]:
    """One state for each number: a row that could not be read gives way to one that could."""
    rows: dict[str, JobState] = {}
    for state in states:
        other = rows.get(state.job_id)
        if other is None or other.state == UNKNOWN:
            rows[state.job_id] = state
        elif state.state != UNKNOWN:
            rows[state.job_id] = least_done(state, other)
    return rows.values()


def least_done(one: JobState, other: JobState | None) -> JobState:
    """An array as a whole has ended when its last task has, and well when all have."""
    if other is None:
        return one
    return min(one, other, key=lambda state: (state.ended, state.succeeded))


def stands_for(slurm_id: str, job_id: str) -> bool:
    """Whether a number of Slurm's means this job, or a task or a part of it."""
    if job_id == slurm_id:
        return True
    whole, _, task = job_id.partition("_")
    if not task:
        return of_job(slurm_id) == whole
    match = _TASKS.fullmatch(slurm_id)
    return match is not None and any(int(task) in span for span in spans(match["tasks"]))


def spans(tasks: str) -> Iterator[range]:
    """The parts of '0-3,7-9:2'."""
    for part in tasks.split(","):
        if match := _SPAN.fullmatch(part):
            first, last, step = match.groups()
            yield range(int(first), int(last or first) + 1, int(step or 1))
