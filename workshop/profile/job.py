"""A profile as one process, or as several that share the model: the first of them looks."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.runner import compile_cache, failure, huge_pages
from workshop.runner.failure import Failure
from workshop.runner.launch import POLL_SECONDS, end, start_locally
from workshop.runner.ranks.lifeline import RankLostError
from workshop.runner.ranks.meeting import meet
from workshop.runner.ranks.rank import Rank, rank_of_job, rank_of_step
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from workshop.profile.capture import Profile


@dataclass(frozen=True)
class ProfileTask:
    """What each rank of a local job runs; plain data, so that it can be pickled.

    Attributes:
        folder: where the user is: a job has another working directory.
        visible_devices: as in ``launch.LocalTask``.
    """

    settings: Settings
    steps: int
    trace: Path | None
    folder: Path
    visible_devices: str | None = None

    def __call__(self) -> Profile | Failure | None:
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        if self.visible_devices is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = self.visible_devices
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

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    task = ProfileTask(settings, steps, trace, Path.cwd(), visible)
    with tempfile.TemporaryDirectory(prefix="workshop-") as folder:
        job = start_locally(task, settings.ranks, folder, Path(folder) / "controller.err")
        try:
            while not job.done():
                time.sleep(POLL_SECONDS)
            found = job.results()
        except UncompletedJobError as error:
            said = str(error).strip().splitlines()
            return Failure(
                f"a rank ended without an answer: {said[-1] if said else ''}", None, False
            )
        except BaseException:
            end(job)
            raise
    # The first to fail tells most: the others say that they have lost it.
    failures = [one for one in found if isinstance(one, Failure)]
    return failures[0] if failures else found[0]


def profile_rank(
    settings: Settings, place: Rank, steps: int, trace: Path | None
) -> Profile | Failure | None:
    """Profile as one rank of ``settings.ranks``: meet the others, share the cores, leave."""
    compile_cache.keep()  # before torch is imported
    huge_pages.ask()
    if settings.ranks == 1:
        return _joined(settings, place, steps, trace)
    try:
        others = meet(place)
    except (RankLostError, UsageError) as error:
        return failure.explain(error)
    others.last_words = lambda lost: None  # this rank's answer is lost with that one
    try:
        found = _joined(settings, place, steps, trace, others.port)
        if isinstance(found, Failure):
            others.fail(found.reason, found.advice)
        return found
    finally:
        others.let_go()


def _joined(
    settings: Settings, place: Rank, steps: int, trace: Path | None, port: int = 0
) -> Profile | Failure | None:
    import torch

    from workshop.llm.ranks import parallel
    from workshop.profile.capture import profile
    from workshop.profile.trace import TraceError
    from workshop.runner import machine
    from workshop.runner.assemble import Place

    torch.set_num_threads(max(1, machine.cores() // settings.ranks))
    try:
        device = machine.pick_device(settings.device, place.local_rank)
        if port:
            joined = parallel.join(place.rank, settings.ranks, place.address, port, device)
            torch.set_num_threads(joined.threads or torch.get_num_threads())
        return profile(settings, Place(device, place.rank, settings.ranks), steps, trace)
    except TraceError as error:
        return Failure(str(error), None, True)
    except Exception as error:
        return failure.explain(error)
    finally:
        parallel.leave()
