"""A stage's settings and the request that runs them: all that is decided before submission."""

from __future__ import annotations

import dataclasses
import itertools
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.slurm.cluster.description import Cluster
from workshop.slurm.job.checkpoint import checkpoint_of
from workshop.slurm.job.request import Request, Wishes, make_request, with_ranks
from workshop.stages import compose
from workshop.stages.settings import Settings


@dataclass(frozen=True)
class PreparedJob:
    """What is about to be submitted."""

    settings: Settings
    request: Request


def prepared_job(
    settings: Settings, cluster: Cluster, wishes: Wishes, ranks: int | None, directory: Path
) -> PreparedJob:
    """The job that runs ``settings`` on ``cluster``, with its log in ``directory``.

    Args:
        ranks: what ``--ranks`` says; None takes as many as there are GPUs.

    Raises:
        UsageError: settings or wishes that do not go together, or a model that is not there.
    """
    settings = with_ranks(settings, wishes, ranks)
    settings = dataclasses.replace(
        settings,
        model=checkpoint_of(settings.model, cluster.paths.checkpoints),
        draft=settings.draft and checkpoint_of(settings.draft, cluster.paths.checkpoints),
    )
    request = make_request(cluster, settings, wishes, directory, this_python())
    compose.check(settings)  # here, and not after hours in the queue
    return PreparedJob(settings, request)


def this_python() -> str:
    """The interpreter that runs this, as a shell word."""
    return shlex.quote(sys.executable)


def chained(jobs: Sequence[PreparedJob]) -> list[PreparedJob]:
    """For --dry-run: each job depends on the one before, whose ID is not known yet."""
    pairs = itertools.pairwise(jobs)
    return [jobs[0], *(behind(job, f"JOB_OF_{first.settings.stage}") for first, job in pairs)]


def behind(job: PreparedJob, number: str) -> PreparedJob:
    """The job, to start when job ``number`` has succeeded."""
    request = dataclasses.replace(job.request, dependency=f"afterok:{number}")
    return dataclasses.replace(job, request=request)
