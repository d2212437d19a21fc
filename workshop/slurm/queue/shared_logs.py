"""Which of some files are logs that two jobs of the same number share, and whose part is whose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from workshop.slurm import runs
from workshop.slurm.queue.submitted import SubmittedJob, jobs_of


def notes(paths: Iterable[Path], where: Path) -> Iterator[str]:
    """A sentence for each file in which an earlier job's results could be taken for a later one's.

    Args:
        where: the directory of all runs.
    """
    wanted = {path.absolute(): path for path in paths if path.is_file()}
    if not wanted:
        return
    last = {job.log: job for job in jobs_of(runs.every(where)) if job.log in wanted}
    for log, job in last.items():
        if sentence := note(job):
            yield f"{wanted[log]}: {sentence}"


def note(job: SubmittedJob) -> str | None:
    """What to say of a job's log of which a part is an earlier job's; None where none is."""
    log = job.own_log
    named = f"job {job.job_id} ({job.run.stage}, submitted {job.run.submitted})"
    if not log.is_there():
        return f"this is the log of an earlier job of the same number: {named} has written none yet"
    if not log.start:
        return None
    result = log.result()
    own = result.reason if result and result.reason else "its part comes last"
    return f"the first part is the log of an earlier job of the same number; {named}: {own}"
