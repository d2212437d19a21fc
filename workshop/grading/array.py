"""Many jobs as a Slurm array, through the executor that ``workshop submit`` uses.

What comes of them lands in the store, which all nodes see; we look there. A task that is started
again, after preemption or by hand, goes on with what is not there yet.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop.grading import store
from workshop.grading.attempt import Done, GradingJob, Order, Ran, do, loaded
from workshop.grading.schedule import Lost, Results, in_a_line
from workshop.slurm.cluster.description import Cluster
from workshop.slurm.job.request import Request, Wishes, make_request
from workshop.stages import settings_of

ARRAY = "array"
POLL_SECONDS = 2


@dataclass(frozen=True)
class Share:
    """What one task of the array runs; plain data, so that it can be pickled."""

    jobs: tuple[GradingJob, ...]
    order: Order

    def __call__(self) -> dict[int, str]:
        """Run what is not in the store yet; returns why, by index, of what came to nothing."""
        import torch

        from workshop.judge.isolation import require
        from workshop.judge.server import room

        torch.set_num_threads(1)
        require(self.order.isolation)  # here, too: compute nodes differ from where it was chosen
        tasks = loaded(self.order)
        lost = {}
        with room(self.order.isolation) as server:
            for i, job in enumerate(self.jobs):
                try:
                    do(missing(job, self.order.work), self.order, tasks, server)
                except Exception as error:
                    lost[i] = in_a_line(error)
                    print(f"workshop: attempt {job.folder.name}: {lost[i]}", file=sys.stderr)
        return lost

    def checkpoint(self) -> Any:
        """How submitit starts a preempted task again: with all of it; what is done is passed."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def missing(job: GradingJob, work: Path) -> GradingJob:
    """What of a job is not in the store."""
    left = {
        name: digest
        for name, digest in job.exercises.items()
        if store.stored(work, digest, Ran) is None
    }
    return dataclasses.replace(job, exercises=left)


def done_by(job: GradingJob, work: Path) -> Done | None:
    """What the store has of a job; None as long as something of it is missing."""
    seconds = {}
    for name, digest in job.exercises.items():
        if (ran := store.stored(work, digest, Ran)) is None:
            return None
        seconds[name] = ran.seconds
    return Done(seconds)


def request_on(cluster: Cluster, wishes: Wishes, work: Path) -> Request:
    """What each task asks for: one process, no GPU; raises UsageError."""
    from workshop.slurm.job.prepared import this_python

    folder = work / ARRAY
    usual = make_request(cluster, settings_of("baseline"), wishes, folder, this_python())
    return dataclasses.replace(
        usual,
        stage="base",
        job_name="workshop-grade",
        output=f"{str(folder).replace('%', '%%')}/grade-%j.out",
        nodes=1,
        tasks_per_node=1,
        gpus_per_node=0,
        exclusive=False,
        array=None,
        signal=False,
        variables={**usual.variables, "PYTHONSAFEPATH": "1"},  # import nothing that lies here
        extra={},
    )


def on_slurm(
    jobs: Sequence[GradingJob], order: Order, count: int, cluster: Cluster, request: Request
) -> Results:
    """Each job and what became of it, as they come, from an array of ``count`` tasks.

    Raises:
        SubmitError: Slurm is not here, or did not take the array.
    """
    from workshop.slurm.job.submit import executor_of, submitting

    folder = order.work / ARRAY
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier time
    folder.mkdir()
    count = min(count, len(jobs))
    shares = [Share(tuple(jobs[i::count]), order) for i in range(count)]
    with submitting(request):
        tasks = executor_of(request, cluster, folder).submit_array(shares)
    left = dict(enumerate(jobs))
    try:
        while left:
            ended = all(task.done() for task in tasks)  # before looking: they may end meanwhile
            for i in list(left):
                if (done := done_by(left[i], order.work)) is not None:
                    yield left.pop(i), done
            if ended:
                break
            time.sleep(POLL_SECONDS)
        for i, job in left.items():
            yield job, Lost(why_lost(tasks[i % count], i // count))
    finally:
        for task in tasks:
            with contextlib.suppress(Exception):
                if not task.done():
                    task.cancel(check=False)


def why_lost(task: Any, index: int) -> str:
    """What is known of a job that is not in the store although its task has ended."""
    try:
        return task.result().get(index) or f"Slurm job {task.job_id} ended without it"
    except Exception as error:
        lines = str(error).strip().splitlines()
        what = next((line for line in reversed(lines) if line.strip()), type(error).__name__)
        return f"Slurm job {task.job_id} failed: {what[:300]}; its log: {task.paths.stdout}"
