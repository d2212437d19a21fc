"""Cancel jobs, and look again whether they went: scancel says nothing where it finds none."""

from __future__ import annotations

import datetime
import os
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from workshop.slurm.queue import squeue
from workshop.slurm.queue.follow import Ask, View, look
from workshop.slurm.queue.jobstate import ANOTHERS, GONE
from workshop.slurm.queue.missing import is_young
from workshop.slurm.queue.submitted import SubmittedJob
from workshop.util.text import one_line

LOOKS = 5  # until a job that is still there counts as not cancelled
SILENT = 2  # of them in a row without an answer
HIDDEN = datetime.timedelta(minutes=2)  # after its submission, in which Slurm may not show a job
PAUSE = 1.0  # seconds between two looks
# Of a job whose run is over, and whose nodes are being cleaned up.
LEAVING = ("COMPLETING", "STAGE_OUT")
# What scancel says of a job that is not there any more, or is about to go.
NOT_THERE = ("Invalid job id specified", "already completing or completed")


class CancelError(RuntimeError):
    """A job was not cancelled: one sentence."""


@dataclass(frozen=True)
class Cancelled:
    """What became of jobs that were to be cancelled.

    Attributes:
        gone: those that were cancelled.
        ended: those that ended by themselves meanwhile, each with how it did.
        left: those that go on, or of which it is not known, each with why.
    """

    gone: list[SubmittedJob]
    ended: list[tuple[SubmittedJob, str]]
    left: list[tuple[SubmittedJob, str]]


def may_go_on(job: SubmittedJob, view: View) -> bool:
    """Whether there may be something to cancel; Slurm may not show a job right after submission."""
    hidden = view.state == GONE and view.reason != ANOTHERS and not view.ok and not job.later
    return not view.ended or (hidden and is_young(job.run.submitted, HIDDEN))


def cancel(
    jobs: Sequence[SubmittedJob],
    before: Sequence[View],
    stop: Callable[[SubmittedJob], None],
    ask: Ask | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Cancelled:
    """Cancel all, whatever becomes of one, and look until they are gone, for some seconds at most.

    Args:
        before: how each stands.
        stop: asks Slurm to cancel one; raises CancelError.
    """
    refused: dict[int, str] = {}
    for index, job in enumerate(jobs):
        try:
            stop(job)
        except CancelError as error:
            refused[index] = str(error)
    views, silence = look_again(jobs, set(refused), ask, pause)
    result = Cancelled([], [], [])
    for index, job in enumerate(jobs):
        why = refused.get(index) or silence
        if before[index].state == GONE:
            why = why or "Slurm does not show it: 'workshop status' may tell more in a minute"
        sort(result, job, views[index] if views else None, why)
    return result


def look_again(
    jobs: Sequence[SubmittedJob],
    refused: Collection[int],
    ask: Ask | None,
    pause: Callable[[float], None],
) -> tuple[list[View], str]:
    """The last views that there are, and why there are no newer ones, or ''."""
    views: list[View] = []
    silence, silent = "", 0
    for count in range(LOOKS):
        if count:
            pause(PAUSE)
        try:
            views, silence, silent = look(jobs, ask), "", 0
        except squeue.QueueError as error:
            silence, silent = f"scancel was run, and then: {error}", silent + 1
        goes_on = any(i not in refused and not is_over(view) for i, view in enumerate(views))
        if silent == SILENT or (not silent and not goes_on):
            break
    return views, silence


def is_over(view: View) -> bool:
    return view.ended or view.state in LEAVING


def sort(result: Cancelled, job: SubmittedJob, view: View | None, why: str) -> None:
    """Put a job where it belongs, by what the last look says of it.

    Args:
        why: the reason to believe that it was not cancelled, or ''.
    """
    if view is not None and view.state == "CANCELLED":
        result.gone.append(job)
    elif view is not None and view.ended and view.state != GONE:
        result.ended.append((job, f"{view.state}, {view.words}"))
    elif why:
        result.left.append((job, why))
    elif view is not None and is_over(view):
        result.gone.append(job)
    else:
        state = f"{view.state}, {view.words}" if view else "not known"
        result.left.append((job, f"after scancel it is {state}"))


def scancel(job: SubmittedJob) -> None:
    """Cancel a job if user and name are those that were submitted: numbers come round again.

    A job that has just ended needs no cancelling: Slurm ends a job itself when the one that it
    depends on is cancelled.

    Raises:
        CancelError: scancel cannot be run, or refuses.
    """
    command = ["scancel", f"--name={job.run.job_name}", f"--user={os.getuid()}", job.job_id]
    try:
        done = squeue.run_command(command, job.slurm_cluster)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CancelError(f"scancel failed: {one_line(str(error))}") from None
    if done.returncode and not any(words in done.stderr for words in NOT_THERE):
        lines = done.stderr.strip().splitlines() or [f"scancel ended with {done.returncode}"]
        raise CancelError(one_line(lines[-1]))
