"""From a request to a job: its directory, its script, and Slurm's answer."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.slurm import runs
from workshop.slurm.cluster.description import Cluster
from workshop.slurm.job import directives
from workshop.slurm.job.refusal import SubmitError, understood
from workshop.slurm.job.request import Request
from workshop.slurm.job.sbatch import NoNumberError, RefusedError
from workshop.slurm.job.template import render
from workshop.stages import settings_of
from workshop.stages.settings import Settings
from workshop.util.text import one_line

if TYPE_CHECKING:
    from workshop.slurm.job.executor import WorkshopExecutor


def submit(
    settings: Settings,
    request: Request,
    cluster: Cluster,
    where: Path,
    repeat: int = 1,
    after: str | None = None,
) -> runs.Run:
    """Submit, and keep what was submitted in a directory below ``where``.

    Raises:
        SubmitError: Slurm is not here, or did not take the job.
        UsageError: a template or a value that cannot be, or a directory that cannot be written.
    """
    from workshop.runner.task import Task

    directory = runs.new_directory(where, settings.stage)
    run = runs.Run(
        settings, request.job_name, request.output, runs.now(), cluster.name, after=after,
        slurm_cluster=str(request.options.get("clusters") or ""),
    )  # fmt: skip
    try:
        # A template of a site's may have a name of its own, by which Slurm then knows the job.
        named = directives.job_name(submitted_script(request, cluster, where))
        run = dataclasses.replace(run, job_name=named or run.job_name)
        runs.save(directory, run)
        there = runs.logs_there(request.output)
        executor = executor_of(request, cluster, directory)
        with submitting(request):
            jobs = executor.submit_array([Task(settings)] * repeat)
    except LostJobError:
        raise  # the job, if there is one, needs the directory
    except Exception:
        runs.discard(directory)
        raise
    numbers = tuple(job.job_id for job in jobs)
    earlier = runs.earlier_logs(there, request.output, numbers)
    run = dataclasses.replace(run, jobs=numbers, earlier=earlier)
    runs.save(directory, run)
    return run


def executor_of(request: Request, cluster: Cluster, folder: Path) -> WorkshopExecutor:
    """submitit's executor for jobs of this kind; raises SubmitError where there is no Slurm."""
    from workshop.slurm.job.executor import WorkshopExecutor

    try:
        executor = WorkshopExecutor(
            folder, request.restarts, python=request.python, templates=own_templates(cluster)
        )
    except RuntimeError as error:
        raise SubmitError(without_slurm(error)) from None
    executor.update_parameters(
        **{one.name: getattr(request, one.name) for one in dataclasses.fields(request)}
    )
    return executor


@contextlib.contextmanager
def submitting(request: Request) -> Iterator[None]:
    """What sbatch refuses becomes a SubmitError; an answer without a number, a LostJobError."""
    try:
        yield
    except RefusedError as error:  # a site's own words may be on either stream
        refusal = understood(error.errors, error.output, request)
        raise SubmitError(refusal.sentence, refusal.about) from None
    except NoNumberError as error:
        raise LostJobError(without_number(error)) from None
    except FileNotFoundError as error:
        raise SubmitError(without_slurm(error)) from None


class LostJobError(SubmitError):
    """A job that may have been submitted, under a number that is not known."""


def without_number(error: NoNumberError) -> str:
    """What it means that sbatch gave no number."""
    said = f"answered {one_line(error.output)!r}" if error.output else "printed nothing"
    return (
        f"sbatch {said}, which has no job number in it, so a job may be waiting that workshop does "
        "not know: 'squeue --me' lists yours, and 'scancel' cancels it by its number"
    )


def without_slurm(error: Exception) -> str:
    """What it means that submitit found no Slurm."""
    text = str(error)
    if "srun" in text or "sbatch" in text:
        return (
            "there is no Slurm on this machine (no sbatch, no srun): log in to the cluster, or "
            "use --executor local; 'workshop sandbox shell' starts a small one to rehearse on"
        )
    return f"the job could not be submitted: {text.splitlines()[0] if text else error!r}"


def own_templates(cluster: Cluster) -> Path | None:
    return Path(cluster.paths.templates) if cluster.paths.templates else None


def submitted_script(request: Request, cluster: Cluster, where: Path) -> str:
    """The script as ``submit`` would send it; the run's directory has no name yet."""
    folder = str(where / f"...-{request.stage}")
    command = [*shlex.split(request.python), "-u", "-m", "submitit.core._submit", folder]
    return render(request, command, own_templates(cluster))


def plain_script(settings: Settings, request: Request, cluster: Cluster) -> str:
    """A script for sbatch alone, which runs the same without submitit's pickles.

    Nothing in it answers a warning before the time limit, or starts it again after one.
    """
    plain = dataclasses.replace(request, signal=False)
    command = [*shlex.split(request.python), "-u", "-m", "workshop", "run", settings.stage]
    return render(plain, [*command, *run_options(settings)], own_templates(cluster))


def run_options(settings: Settings) -> list[str]:
    """The options that make ``workshop run STAGE`` run these settings."""
    stage = settings_of(settings.stage)
    words: list[str] = []
    for one in dataclasses.fields(settings):
        value = getattr(settings, one.name)
        if one.name == "prompt" and settings.prompts:
            words += [f"--prompt={text}" for text in (settings.prompt, *settings.prompts)]
            continue
        if value == getattr(stage, one.name) or one.name == "prompts":
            continue
        option = f"--{one.name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif value is False:
            words.append(f"--no-{option[2:]}")
        else:
            words.append(f"{option}={value}")
    return words
