"""The jobs that this user has submitted, each with what belongs to it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.slurm import runs
from workshop.slurm.queue.joblog import JobLog
from workshop.util.errors import UsageError


@dataclass(frozen=True)
class SubmittedJob:
    """One job of a run: where to find what belongs to it.

    Attributes:
        later: the next run of which a job has the same number: Slurm counted from 1 again, and
            knows only that one.
    """

    job_id: str
    run: runs.Run
    directory: Path
    later: runs.Run | None = None

    @property
    def log(self) -> Path:
        return runs.log_of(self.run.output, self.job_id)

    @property
    def slurm_cluster(self) -> str:
        """The cluster of a Slurm with several that knows the job; '' is this machine's own."""
        recorded = self.run.slurm_cluster
        return os.environ.get("SLURM_CLUSTERS", "") if recorded is None else recorded

    @property
    def own_log(self) -> JobLog:
        """The part of the log that this job has written, and no other of the same number."""
        later = self.later if self.later and self.later.output == self.run.output else None
        end = (later.earlier or {}).get(self.job_id, 0) if later else None
        start = (self.run.earlier or {}).get(self.job_id, 0)
        return JobLog(self.log, self.job_id, self.run.submitted, start, end)


def jobs_of(all_runs: Iterable[tuple[Path, runs.Run]]) -> list[SubmittedJob]:
    """All jobs of these runs, oldest first; a run that never got a number has none."""
    jobs: list[SubmittedJob] = []
    later: dict[tuple[str, str, str], runs.Run] = {}  # the run that has a number next
    for directory, run in reversed([*all_runs]):
        where = (run.cluster, run.slurm_cluster or "")
        found = [SubmittedJob(one, run, directory, later.get((*where, one))) for one in run.jobs]
        jobs += reversed(found)
        later |= {(*where, one): run for one in run.jobs}
    return jobs[::-1]


def chosen(jobs: Sequence[SubmittedJob], wanted: Sequence[str]) -> list[SubmittedJob]:
    """The jobs that ``wanted`` names: a number, an array's number, or a stage (its last run).

    Raises:
        UsageError: no job of ours has that number.
    """
    picked: list[SubmittedJob] = []
    for name in wanted:
        found = [
            job
            for job in jobs
            if name in (job.job_id, job.job_id.partition("_")[0]) and not job.later
        ]
        if not found:
            last = [job.directory for job in jobs if job.run.stage == name]
            found = [job for job in jobs if last and job.directory == last[-1]]
        if not found:
            raise UsageError(
                f"no job {name!r} was submitted from here by you: 'workshop status --all' lists "
                "yours"
            )
        picked += [job for job in found if job not in picked]
    return picked
