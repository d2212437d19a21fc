"""One job that is looked at now and again, while something else goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

from workshop.slurm.queue.follow import LONGEST_PAUSE, PATIENCE, Ask, View, look
from workshop.slurm.queue.missing import Missing
from workshop.slurm.queue.squeue import QueueError
from workshop.slurm.queue.submitted import SubmittedJob

PAUSE = 2.0  # seconds between two looks
FIRST = 0.05  # seconds before the first: what is there already comes before any question


class Watched:
    """Tells whether a job is over; bears a Slurm that does not answer for a while.

    Args:
        notice: hears, in one sentence, when Slurm stops answering.
        clock: seconds.
    """

    def __init__(
        self,
        job: SubmittedJob,
        notice: Callable[[str], None],
        ask: Ask | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.job, self.view = job, None
        self._notice, self._ask, self._clock = notice, ask, clock
        self._missing = Missing()
        self._next = clock() + FIRST
        self._unanswered = 0

    view: View | None

    def over(self) -> bool:
        """Whether it has ended or is held; asks every few seconds at most.

        Raises:
            QueueError: Slurm does not answer, and did not for a while.
        """
        now = self._clock()
        if not self._is_over() and now >= self._next:
            self._look(now)
        return self._is_over()

    def _is_over(self) -> bool:
        return self.view is not None and (self.view.ended or self.view.held)

    def _look(self, now: float) -> None:
        self._next = now + PAUSE
        try:
            (self.view,) = look([self.job], self._ask, self._missing, now)
        except QueueError as error:
            self._unanswered += 1
            if self._unanswered == PATIENCE:
                raise
            if self._unanswered == 1:
                self._notice(f"{error}; trying again")
            self._next = now + LONGEST_PAUSE
        else:
            self._unanswered = 0
