"""When to believe that Slurm does not know a job any more.

A controller that is busy, or is being restarted, may answer for a moment as if there were no jobs.
A job that was submitted a short while ago, or that was seen in the queue before, counts as gone
only after several looks in a row that are spread over two minutes have not found it.
"""

from __future__ import annotations

import datetime

SPREAD = 120.0  # seconds from the first look that has not found a job to the one that decides
LOOKS = 3
YOUNG = datetime.timedelta(minutes=10)  # squeue remembers an ended job for five, usually


class Missing:
    """What a row of looks has found of each job.

    ``now`` is any clock in seconds that does not go back, the same for all looks.
    """

    def __init__(self) -> None:
        self._in_queue: set[str] = set()
        self._first: dict[str, float] = {}
        self._looks: dict[str, int] = {}

    def found(self, job_id: str) -> None:
        """A look has found the job."""
        self._in_queue.add(job_id)
        self._first.pop(job_id, None)
        self._looks.pop(job_id, None)

    def is_gone(self, job_id: str, submitted: str, now: float) -> bool:
        """Whether a look that has not found the job may be believed; ``submitted`` in ISO 8601."""
        if job_id not in self._in_queue and not is_young(submitted):
            return True
        first = self._first.setdefault(job_id, now)
        self._looks[job_id] = self._looks.get(job_id, 0) + 1
        return self._looks[job_id] >= LOOKS and now - first >= SPREAD


def is_young(submitted: str, young: datetime.timedelta = YOUNG) -> bool:
    """Whether a job was submitted a short while ago, by clocks that may differ a little."""
    try:
        when = datetime.datetime.fromisoformat(submitted)
        age = datetime.datetime.now(datetime.UTC) - when.astimezone(datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return abs(age) < young
