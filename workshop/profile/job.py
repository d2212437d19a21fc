"""A profile as one process, or as several that share the model: the first of them looks."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.runner.failure import Failure
from workshop.runner.local_job import POLL_SECONDS, VisibleGPUs, end, start_locally
from workshop.runner.ranks.group import Member, announced, with_the_others
from workshop.runner.ranks.rank import Rank, rank_of_job, rank_of_step
from workshop.stages.settings import Settings

if TYPE_CHECKING:
    from workshop.profile.capture import Profile


@dataclass(frozen=True)
class ProfileTask:
    """What each rank of a local job runs; plain data, so that it can be pickled.

    Attributes:
        folder: where the user is: a job has another working directory.
        gpus: as the user had them.
    """

    settings: Settings
    steps: int
    trace: Path | None
    folder: Path
    gpus: VisibleGPUs

    def __call__(self) -> Profile | Failure | None:
        self.gpus.restore()
        os.chdir(self.folder)
        return profile_rank(self.settings, rank_of_job(), self.steps, self.trace)


def profile_here(settings: Settings, steps: int, trace: Path | None) -> Profile | Failure | None:
    """Profile here and now; None from a rank, started by srun, that is not the first.

    Raises:
        UsageError: srun started another number of tasks than the run has ranks.
    """
    rank = rank_of_step(settings.ranks)
    if rank or settings.ranks == 1:
        return profile_rank(settings, rank or Rank(), steps, trace)
    return _profile_locally(settings, steps, trace)


def _profile_locally(
    settings: Settings, steps: int, trace: Path | None
) -> Profile | Failure | None:
    from submitit.core.utils import UncompletedJobError

    task = ProfileTask(settings, steps, trace, Path.cwd(), VisibleGPUs.of_user())
    with tempfile.TemporaryDirectory(prefix="workshop-") as folder:
        job = start_locally(task, settings.ranks, folder, Path(folder) / "controller.err")
        try:
            while not job.done():
                time.sleep(POLL_SECONDS)
            found = job.results()
        except UncompletedJobError as error:
            lines = str(error).strip().splitlines()
            return Failure(
                f"a rank ended without an answer: {lines[-1] if lines else ''}", None, False
            )
        except BaseException:
            end(job)
            raise
    # The first to fail tells most: the others say that they have lost it.
    failures = [one for one in found if isinstance(one, Failure)]
    return failures[0] if failures else found[0]


def profile_rank(
    settings: Settings, rank: Rank, steps: int, trace: Path | None
) -> Profile | Failure | None:
    """Profile as one rank of ``settings.ranks``; each of them calls it."""

    def work(member: Member) -> Profile | Failure | None:
        from workshop.profile.capture import profile
        from workshop.runner.assemble import Place

        place = Place(member.device, rank.index, settings.ranks)
        try:
            return profile(settings, place, steps, trace)
        except Exception as error:
            return announced(error, member.others)

    return with_the_others(settings, rank, work, announced)
