"""Logs of jobs that have not ended: what such a log lacks is no failure."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from workshop.slurm import runs
from workshop.slurm.queue import squeue
from workshop.slurm.queue.jobstate import GONE, JobState
from workshop.slurm.queue.submitted import jobs_of

Ask = Callable[[Iterable[str]], Mapping[str, JobState]]


def notes(paths: Iterable[Path], where: Path, ask: Ask | None = None) -> Iterator[str]:
    """A sentence for each of these logs whose job is still running or waiting.

    Args:
        paths: logs without a record.
        where: the directory of all runs.
        ask: asks Slurm how jobs stand; None is squeue, where there is one.
    """
    wanted = {path.absolute(): path for path in paths}
    if ask is None and not shutil.which("squeue"):
        return
    jobs = {
        job.job_id: job for job in jobs_of(runs.every(where)) if job.log in wanted and not job.later
    }
    going = {name: job for name, job in jobs.items() if not runs.end_of(job.directory, name)}
    if not going:
        return
    try:
        states = (ask or squeue.states)(going)
    except squeue.QueueError:  # whoever asks for results is not told about Slurm's troubles
        return
    for name, job in going.items():
        state = states[name]
        if not (state.ended or state.state == GONE):
            log = wanted[job.log]
            yield f"{log}: job {name} is {state.state}, so its log is not complete yet"
