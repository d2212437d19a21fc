"""What a job on the cluster runs.

Submitting a job needs this module alone, and nothing that runs a job.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from workshop.stages.settings import Settings

if TYPE_CHECKING:
    from workshop.record.results import Result


class RunFailedError(RuntimeError):
    """A run without a complete result; its log gives the reason, so no traceback follows."""


@dataclass(frozen=True)
class Task:
    """What a submitit job runs, once for each rank; plain data, so that it can be pickled."""

    settings: Settings

    def __call__(self) -> Result:
        """Measure; a failed run raises RunFailedError: Slurm is told by the exit code."""
        from workshop.runner.launch import measure_rank
        from workshop.runner.ranks.rank import rank_of_job

        result = measure_rank(self.settings, rank_of_job(), sys.stdout)
        if result.status != "ok":
            sys.excepthook = without_traceback
            raise RunFailedError(result.reason or "the run has no complete result")
        return result

    def checkpoint(self) -> Any:
        """How submitit starts a preempted job again: from the start.

        Samples from two nodes would make one number of two measurements.

        Returns:
            None, with which submitit gives up, on a node without scontrol to requeue the job.
        """
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self) if shutil.which("scontrol") else None


def without_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """An excepthook that has nothing to add to what the log says of a failed run."""
    if not issubclass(kind, RunFailedError):
        sys.__excepthook__(kind, error, trace)
