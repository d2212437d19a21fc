"""``workshop status``, ``logs``, ``cancel`` and ``wait``: follow submitted jobs."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from workshop.cli.options import CLUSTER_OPTION
from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from workshop.slurm.cluster.description import Cluster
    from workshop.slurm.queue.follow import View
    from workshop.slurm.queue.submitted import SubmittedJob

T = TypeVar("T")

WATCH_SECONDS = 5
LOG_SECONDS = 0.5  # between two looks for a log that is not there yet
RECENT = datetime.timedelta(days=1)


@click.command()
@click.argument("jobs", nargs=-1)
@CLUSTER_OPTION
@click.option(
    "--all", "everything", is_flag=True, help="Include jobs that ended more than a day ago."
)
@click.option("--watch", is_flag=True, help="Refresh until all jobs have ended.")
@click.option("--json", "as_json", is_flag=True, help="Print the jobs as JSON.")
def status(
    jobs: tuple[str, ...], cluster: str | None, everything: bool, watch: bool, as_json: bool
) -> None:
    """Show the state of your jobs; JOBS selects some by job ID or stage.

    If Slurm does not answer, prints what is known and exits with 1; --watch
    retries for about a minute first.
    """
    from workshop.slurm.queue.follow import LONGEST_PAUSE, PATIENCE, look, look_without_slurm
    from workshop.slurm.queue.missing import Missing
    from workshop.slurm.queue.squeue import QueueError

    missing, unanswered = (Missing() if watch else None), 0
    while True:
        chosen = to_show(jobs, cluster, everything)
        error = None
        try:
            views, unanswered = look(chosen, missing=missing, now=time.monotonic()), 0
        except QueueError as silence:
            views, error, unanswered = look_without_slurm(chosen), str(silence), unanswered + 1
        print_views(views, watch, as_json)
        if error and (not watch or unanswered == PATIENCE):
            raise click.ClickException(error)
        if error:
            notice(f"{error}; trying again")
        if not watch or all(view.ended for view in views):
            return
        time.sleep(LONGEST_PAUSE if error else WATCH_SECONDS)


def print_views(views: Sequence[View], watch: bool, as_json: bool) -> None:
    """The jobs, as a table or as JSON."""
    from rich.console import Console

    console = Console(highlight=False)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(view) for view in views]))
    elif not views:
        click.echo("No jobs yet: 'workshop submit STAGE' submits one.")
    else:
        if watch and console.is_terminal:
            console.clear()
        show(console, views)


@click.command()
@click.argument("job")
@CLUSTER_OPTION
@click.option(
    "-f", "--follow", "following", is_flag=True, help="Follow the log until the job ends."
)
def logs(job: str, cluster: str | None, following: bool) -> None:
    """Print the log of JOB, a job ID or a stage (its latest run)."""
    from workshop.record.readers.ours import visible
    from workshop.util.tail import follow as lines_of

    chosen = submitted(the_cluster(cluster), [job])
    if len(chosen) > 1:
        listed = ", ".join(one.job_id for one in chosen)
        raise UsageError(f"job {job} is an array: name one of {listed}")
    (one,) = chosen
    log = one.own_log
    if not log.is_there() and not (following and appears(one)):
        raise click.ClickException(without_log(one))
    over = ended(one) if following else lambda: True
    start, _ = log.part(log.path.stat().st_size)
    for line in lines_of(log.path, over, start):
        click.echo(visible(line))


def without_log(job: SubmittedJob) -> str:
    """Why there is nothing to print of a job."""
    (view,) = seen([job])
    missing = f"there is no log yet at {job.log}"
    if job.log.exists():
        missing = f"{job.log} is the log of an earlier job, and job {job.job_id} has written none"
    advice = f"; {view.advice}" if view.advice else ""
    return f"{missing}: job {job.job_id} is {view.state}, {view.words}{advice}"


@click.command()
@click.argument("jobs", nargs=-1)
@CLUSTER_OPTION
@click.option("--all", "everything", is_flag=True, help="Cancel all your unfinished jobs.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
def cancel(jobs: tuple[str, ...], cluster: str | None, everything: bool, yes: bool) -> None:
    """Cancel JOBS, given by job ID or stage; only jobs that workshop submitted."""
    if bool(jobs) == everything:
        raise UsageError("name the jobs to cancel, or use --all")
    from workshop.slurm.queue import cancelling
    from workshop.slurm.queue.cancelling import may_go_on

    chosen = submitted(the_cluster(cluster), jobs)
    views = seen(chosen)
    going = [one for one, view in zip(chosen, views, strict=True) if may_go_on(one, view)]
    if not going:
        click.echo("Nothing to cancel: " + ("none is left." if everything else "they have ended."))
        return
    if not yes:
        click.confirm(f"Cancel {', '.join(map(name_of, going))}?", abort=True)
    before = [view for one, view in zip(chosen, views, strict=True) if may_go_on(one, view)]
    done = cancelling.cancel(going, before, cancelling.scancel)
    if done.gone:
        click.echo(f"Cancelled: {', '.join(map(name_of, done.gone))}")
    for job, how in done.ended:
        click.echo(f"Ended before it was cancelled: {name_of(job)}: {how}")
    if done.left:
        why = "; ".join(f"{name_of(job)}: {reason}" for job, reason in done.left)
        raise click.ClickException(f"not cancelled: {why}")


def name_of(job: SubmittedJob) -> str:
    return f"{job.job_id} ({job.run.stage})"


@click.command()
@click.argument("jobs", nargs=-1)
@CLUSTER_OPTION
def wait(jobs: tuple[str, ...], cluster: str | None) -> None:
    """Wait for JOBS, or all your jobs, to finish; exit with 0 if all succeeded, else 1.

    Also exits with 1 if the only jobs left are held until somebody releases
    them.
    """
    sys.exit(wait_until_ended(submitted(the_cluster(cluster), jobs)))


def wait_until_ended(chosen: Sequence[SubmittedJob]) -> int:
    """Wait for jobs, and print each change of state; the exit code, 0 if all succeeded.

    Where nobody watches, only what matters is printed: ends, and that a job will not start as
    things are.
    """
    from workshop.slurm.queue import follow
    from workshop.slurm.queue.outlook import Outlook

    def say(view: View) -> None:
        may_start = view.outlook in (None, Outlook.WAITS)
        if sys.stderr.isatty() or view.ended or not may_start:
            click.echo(line_of(view), err=True)

    views = asked(lambda: follow.wait(chosen, say))
    if left := [view.job_id for view in views if not view.ended]:
        click.echo(
            f"Not waiting any longer for {', '.join(left)}: nothing starts until somebody releases "
            "or cancels what is held",
            err=True,
        )
    return 0 if all(view.ok for view in views) else 1


def line_of(view: View) -> str:
    """A job's state in one line."""
    speed = f", {view.tokens_per_second:.1f} tokens/s" if view.tokens_per_second else ""
    advice = f"; {view.advice}" if view.advice else ""
    return f"{view.stage} {view.job_id}: {view.state}, {view.words}{speed}{advice}"


def the_cluster(wanted: str | None) -> Cluster:
    """The description to go by, with this user's own paths in it; raises UsageError."""
    from workshop.slurm.cluster.expand import expanded
    from workshop.slurm.cluster.find import find_cluster

    return expanded(find_cluster(wanted, Path.cwd(), os.environ), os.environ)


def submitted(cluster: Cluster, names: Sequence[str] = ()) -> list[SubmittedJob]:
    """The jobs that this user submitted from here: those named, by number or stage, else all.

    Raises:
        UsageError: no job has one of the names.
    """
    from workshop.slurm import runs
    from workshop.slurm.queue.submitted import chosen, jobs_of

    every = jobs_of(runs.every(runs.root(cluster.paths.runs_directory)))
    return chosen(every, names) if names else every


def seen(jobs: Sequence[SubmittedJob]) -> list[View]:
    """What has become of jobs; raises ClickException where Slurm does not answer."""
    from workshop.slurm.queue import follow

    return asked(lambda: follow.look(jobs))


def to_show(names: Sequence[str], cluster: str | None, everything: bool) -> list[SubmittedJob]:
    """The jobs to show: those named, else all that go on or ended not long ago."""
    chosen = submitted(the_cluster(cluster), names)
    return [one for one in chosen if names or everything or recent(one)]


def recent(job: SubmittedJob) -> bool:
    """Whether a job was submitted within a day, or was not yet seen to end."""
    from workshop.slurm import runs

    try:
        age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(
            job.run.submitted
        )
    except (ValueError, TypeError):
        return True
    ended_unseen = not job.later and runs.end_of(job.directory, job.job_id) is None
    return age < RECENT or ended_unseen


def asked(question: Callable[[], T]) -> T:
    """The answer, or one sentence if Slurm gives none."""
    from workshop.slurm.queue.squeue import QueueError

    try:
        return question()
    except QueueError as error:
        raise click.ClickException(str(error)) from None


def notice(text: str) -> None:
    """Something that whoever follows a job should know meanwhile."""
    click.echo(f"Warning: {text}", err=True)


def appears(job: SubmittedJob) -> bool:
    """Wait for a job to start writing; False if it ended without, or is held."""
    from workshop.slurm.queue.watched import Watched

    watched = Watched(job, notice)
    while not job.own_log.is_there():
        if asked(watched.over):
            return job.own_log.is_there()
        time.sleep(LOG_SECONDS)
    return True


def ended(job: SubmittedJob) -> Callable[[], bool]:
    """Tells whether a job has ended, or is held; asks Slurm every few seconds at most."""
    from workshop.slurm.queue.watched import Watched

    watched = Watched(job, notice)
    return lambda: asked(watched.over)


def stop(job: SubmittedJob) -> None:
    """Cancel a job; raises ClickException where Slurm refuses."""
    from workshop.slurm.queue.cancelling import CancelError, scancel

    try:
        scancel(job)
    except CancelError as error:
        raise click.ClickException(f"job {job.job_id} was not cancelled: {error}") from None


def show(console: object, views: Sequence[View]) -> None:
    """The table, and what to do about what went wrong."""
    from rich.console import Console

    assert isinstance(console, Console)
    if not console.is_terminal or console.width < 100:
        console = Console(highlight=False, width=160)
    console.print(table_of(views))
    for advice in dict.fromkeys(f"{view.stage}: {view.advice}" for view in views if view.advice):
        console.print(f"What to do, {advice}", markup=False, soft_wrap=True)


def table_of(views: Sequence[View]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from workshop.slurm.times import clock

    table = Table(box=None, pad_edge=False)
    for name in ("stage", "job", "state", "elapsed", "node", "tokens/s", "why"):
        table.add_column(name, justify="right" if name in ("elapsed", "tokens/s") else "left")
    for view in views:
        speed = f"{view.tokens_per_second:.1f}" if view.tokens_per_second else ""
        elapsed = clock(view.elapsed_seconds) if view.elapsed_seconds is not None else ""
        cells = [view.stage, view.job_id, view.state, elapsed, view.nodes or "", speed, view.words]
        table.add_row(*(Text(cell) for cell in cells))
    return table
