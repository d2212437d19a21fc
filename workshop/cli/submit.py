"""``workshop submit`` and ``workshop render``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workshop.cli.follow import asked, the_cluster, wait_until_ended
from workshop.cli.follow import submitted as submitted_jobs
from workshop.cli.options import (
    RUN_OPTIONS,
    TECHNIQUE_OPTIONS,
    check,
    settings_for,
    with_options,
)
from workshop.cli.reserved import in_reserved_partition, without_expired
from workshop.cli.slurm_options import SLURM_OPTIONS, wishes_of
from workshop.stages import STAGES, find_stage, settings_of
from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from workshop.slurm.cluster.description import Cluster
    from workshop.slurm.doctor.finding import Finding
    from workshop.slurm.job.prepared import PreparedJob
    from workshop.slurm.job.request import Request, Wishes
    from workshop.slurm.runs import Run

ALL = "all"
EXERCISE = "exercise"


@click.command()
@click.argument("stage")
@click.argument("name", required=False)
@with_options(RUN_OPTIONS)
@with_options(TECHNIQUE_OPTIONS)
@with_options(SLURM_OPTIONS)
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With 'exercise NAME': file to use instead of your exercise.py.",
)
@click.option(
    "--restarts",
    type=click.IntRange(0, 10),
    default=0,
    help="Maximum number of restarts after hitting the time limit.  [0]",
)
@click.option(
    "--drop-expired-reservation",
    "drop",
    is_flag=True,
    help="Submit without the reservation if it has expired.",
)
@click.option(
    "--executor",
    type=click.Choice(["slurm", "local", "debug"]),
    default="slurm",
    help="slurm: a job; local: a separate process on this machine; debug: this very process.  "
    "[slurm]",
)
@click.option("--dry-run", is_flag=True, help="Print the script; submit nothing.")
@click.option(
    "--wait", "waits", is_flag=True, help="Wait for the jobs and exit with their outcome."
)
@click.option("--json", "as_json", is_flag=True, help="Print the submitted jobs as JSON.")
def submit(
    stage: str,
    name: str | None,
    file: Path | None,
    executor: str,
    dry_run: bool,
    drop: bool,
    waits: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Submit STAGE to Slurm; 'all' submits the whole progression as a chain of jobs.

    'submit exercise NAME' runs the stage that belongs to an exercise, with your functions in place
    of ours.

    The log is job-STAGE-JOB.out in the current directory; 'workshop plot job*.out' draws it.
    """
    if stage == EXERCISE:
        stage = with_exercise(name, file, options)
    elif name or file:
        raise UsageError("NAME and --file belong to 'workshop submit exercise NAME'")
    stages = list(STAGES) if stage == ALL else [find_stage(stage).name]
    if executor != "slurm":
        here(stages, executor, dry_run, options)
        return
    from workshop.util.files import make_directory

    cluster = the_cluster(options.pop("cluster"))
    after = options["after"]
    wishes = wishes_of(options)
    if drop:
        wishes = without_expired(cluster, wishes)
    jobs = prepare_all(stages, cluster, wishes, options)
    jobs = in_reserved_partition(jobs, cluster, wishes)
    if dry_run:
        from workshop.slurm.job.prepared import chained

        for job in chained(jobs):
            click.echo(dry_script(job, cluster), nl=False)
        return
    make_directory(options["output_dir"].absolute())
    doubts = look_before(largest(jobs), cluster)
    if after is not None:
        check_can_wait_for(after)
    submitted = submit_all(jobs, cluster, wishes, doubts)
    tell(submitted, as_json)
    if waits:
        job_ids = [job for run in submitted for job in run.jobs]
        sys.exit(wait_until_ended(submitted_jobs(cluster, job_ids)))


@click.command()
@click.argument("stage")
@with_options(RUN_OPTIONS)
@with_options(TECHNIQUE_OPTIONS)
@with_options(SLURM_OPTIONS)
@click.option(
    "-o", "--output", metavar="FILE", help="File to write; - for standard output.  [STAGE.slurm]"
)
def render(stage: str, output: str | None, **options: Any) -> None:
    """Write the job script of STAGE, to be submitted with 'sbatch' and without this tool."""
    from workshop.slurm.job.submit import plain_script
    from workshop.util import files

    name = find_stage(stage).name
    cluster = the_cluster(options.pop("cluster"))
    (job,) = prepare_all([name], cluster, wishes_of(options), options)
    files.make_directory(options["output_dir"].absolute())
    script = plain_script(job.settings, job.request, cluster)
    if output == "-":
        click.echo(script, nl=False)
        return
    path = Path(output or f"{name}.slurm")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}: create it, or choose another -o")
    if path.exists() and path.read_bytes() != script.encode():
        raise UsageError(f"{path} is there already: move it, or name another with -o")
    files.write(path, script.encode())
    click.echo(f"{path}: submit it with 'sbatch {path}'")


def with_exercise(name: str | None, file: Path | None, options: dict[str, Any]) -> str:
    """The stage that an exercise is about; what it changes about it goes into ``options``."""
    from workshop.cli.check import find, place_of
    from workshop.learn.exercise import CODE, exercises
    from workshop.runner.plugged import plug_of, pluggable, settings_with

    if name is None:
        raise UsageError(f"which exercise? One of {', '.join(pluggable())}")
    exercise = find(exercises(), name)
    stage: str = plug_of(name).STAGE
    file = file or place_of(exercise) / CODE
    options.update(settings_with(settings_of(stage), name, file))
    return stage


def prepare_all(
    stages: Sequence[str], cluster: Cluster, wishes: Wishes, options: dict[str, Any]
) -> list[PreparedJob]:
    """The job of each stage, all of them checked before the first is submitted."""
    from workshop.slurm.job.split import check_split

    jobs = [prepare(stage, cluster, wishes, options) for stage in stages]
    for job in jobs:
        check_split(job.settings, wishes, options["ranks"])
    return jobs


def prepare(stage: str, cluster: Cluster, wishes: Wishes, options: dict[str, Any]) -> PreparedJob:
    """Settings and request of one stage; raises UsageError."""
    from workshop.slurm.job.prepared import prepared_job

    settings = settings_for(stage, options)
    directory = options["output_dir"].absolute()
    return prepared_job(settings, cluster, wishes, options["ranks"], directory)


def dry_script(job: PreparedJob, cluster: Cluster) -> str:
    from workshop.slurm import runs
    from workshop.slurm.job.submit import submitted_script

    return submitted_script(job.request, cluster, runs.root(cluster.paths.runs_directory))


def submit_all(
    jobs: Sequence[PreparedJob], cluster: Cluster, wishes: Wishes, doubts: Sequence[Finding]
) -> list[Run]:
    """Submit each behind the one before; what was submitted stays if a later one is refused."""
    from workshop.slurm import runs
    from workshop.slurm.job.prepared import behind
    from workshop.slurm.job.refusal import SubmitError, with_doubts
    from workshop.slurm.job.submit import submit as submit_one

    submitted: list[Run] = []
    for job in jobs:
        before = submitted[-1].number if submitted else None
        if before is not None:
            job = behind(job, before)
        try:
            submitted.append(
                submit_one(
                    job.settings,
                    job.request,
                    cluster,
                    runs.root(cluster.paths.runs_directory),
                    wishes.repeat,
                    before,
                )
            )
        except SubmitError as error:
            if submitted:
                tell(submitted, as_json=False)
            raise click.ClickException(with_doubts(error, doubts)) from None
    return submitted


def largest(jobs: Sequence[PreparedJob]) -> Request:
    """The request that needs most GPUs: what holds for it holds for the rest of the chain."""
    return max((job.request for job in jobs), key=lambda one: (one.gpus_per_node, one.nodes))


def look_before(request: Request, cluster: Cluster) -> list[Finding]:
    """Check the request before submission: warn of what may fail, refuse what is sure to.

    Returns:
        Doubts: what may be why, should Slurm refuse the job.
    """
    from workshop.slurm.doctor import quick_look

    findings = quick_look(request, cluster)
    for finding in findings:
        if finding.level == "warning":
            click.echo(f"Warning: {finding.sentence}", err=True)
    for finding in findings:
        if finding.level == "problem":
            raise click.ClickException(finding.sentence)
    return [finding for finding in findings if finding.level == "doubt"]


def check_can_wait_for(job: str) -> None:
    """Refuse a dependency on a job that is gone or has failed: Slurm would accept it."""
    from workshop.slurm.queue import squeue

    state = asked(lambda: squeue.states([job]))[job]
    if state.state == "GONE":
        raise click.ClickException(
            f"--after {job}: Slurm knows no such job: 'workshop status' lists yours"
        )
    if state.ended and not state.succeeded:
        raise click.ClickException(
            f"--after {job}: that job did not succeed ({state.state}): see 'workshop logs {job}'"
        )


def tell(submitted: Sequence[Run], as_json: bool) -> None:
    """Print the submitted jobs, and how to follow them."""
    from workshop.slurm.runs import log_of

    if as_json:
        entries = [
            {
                "stage": run.stage,
                "job": run.number,
                "jobs": list(run.jobs),
                "logs": [str(log_of(run.output, job)) for job in run.jobs],
                "after": run.after,
            }
            for run in submitted
        ]
        click.echo(json.dumps(entries))
        return
    for run in submitted:
        logs = log_of(run.output, run.jobs[0])
        more = f" and {len(run.jobs) - 1} more" if len(run.jobs) > 1 else ""
        behind = f", after job {run.after}" if run.after else ""
        click.echo(f"{run.stage}: job {run.number}{behind}; log: {logs}{more}")
    first = submitted[0].jobs[0]
    click.echo(f"Follow it with 'workshop status --watch' or 'workshop logs -f {first}'.")


def here(stages: Sequence[str], executor: str, dry_run: bool, options: dict[str, Any]) -> None:
    """Run on this machine, with a log of the same kind; exits with the outcome."""
    from workshop.cli.demo import run_all
    from workshop.runner.launch import run_in_this_process
    from workshop.util.files import make_directory

    if dry_run:
        raise UsageError(f"--dry-run prints a job script, and --executor {executor} has none")
    chosen = [settings_for(name, options) for name in stages]
    for one in chosen:
        check(one)
    directory = options["output_dir"]
    make_directory(directory)
    if executor == "debug":
        results = [run_in_this_process(one) for one in chosen]
    else:
        runs = run_all(chosen, directory)
        results = list(runs.values())
        for log in runs:
            click.echo(log)
    for result in results:
        if result.reason:
            click.echo(f"Error: {result.label}: {result.reason}", err=True)
    sys.exit(0 if all(result.status == "ok" for result in results) else 1)
