"""``workshop grade``."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workshop.cli.grade_report import as_data, tell, tell_what_is_there
from workshop.cli.options import CLUSTER_OPTION, C, with_options
from workshop.cli.seed import Seed
from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from workshop.grading.attempt import GradingJob, Order
    from workshop.grading.intake.roster import Roster
    from workshop.grading.intake.submissions import Gathered
    from workshop.grading.logs import Again
    from workshop.grading.plans import Runner
    from workshop.grading.rubric import Rubric
    from workshop.grading.schedule import Results
    from workshop.grading.whole import Outcome
    from workshop.judge.isolation import Isolation

# A default of None means: what the cluster's description says.
ARRAY_OPTIONS: list[Callable[[C], C]] = [
    CLUSTER_OPTION,
    click.option("--reservation", help="Reservation of the job array."),
    click.option("--partition", help="Partition of the job array."),
    click.option("--account", help="Account that the job array is charged to."),
    click.option("--qos", help="Quality of service of the job array."),
    click.option("--constraint", help="Node features that the job array requires."),
    click.option("--exclude", help="Nodes that the job array excludes."),
    click.option("--time", help="Time limit of a task: minutes or HH:MM:SS."),
]


def print_example(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from workshop.grading.rubric import example

        click.echo(example(), nl=False)
        context.exit()


@click.command()
@click.argument(
    "submissions", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option(
    "--roster",
    "roster_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Class roster: CSV, as your LMS exports it.",
)
@click.option(
    "-o", "--output", "out", required=True, type=click.Path(file_okay=False, path_type=Path),
    help="Output directory; another run with the same directory grades only what changed.",
)  # fmt: skip
@click.option(
    "--rubric",
    "rubric_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Points, weights, due date and penalties.  [each exercise's own points]",
)
@click.option(
    "--example-rubric", is_flag=True, is_eager=True, expose_value=False, callback=print_example,
    help="Print a rubric to start from.",
)  # fmt: skip
@click.option(
    "--format",
    "format_",
    type=click.Choice(["nbgrader", "moodle", "canvas", "gradescope"]),
    default="nbgrader",
    help="Format of the gradebook.  [nbgrader]",
)
@click.option("--attempt", type=click.Choice(["best", "last"]), help="Attempt that counts.  [best]")
@click.option(
    "--exercise",
    "names",
    multiple=True,
    metavar="NAME",
    help="Grade this exercise only; repeatable.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 256), help="Number of workers or array tasks.  [one per core]"
)
@click.option(
    "--executor",
    type=click.Choice(["local", "slurm", "debug"]),
    default="local",
    help="slurm: a job array; local: worker processes here; debug: this process.  [local]",
)
@with_options(ARRAY_OPTIONS)
@click.option(
    "--require-isolation",
    "least",
    type=click.Choice(["bubblewrap", "landlock"]),
    help="Fail if isolation is weaker than this.  [use the strongest available]",
)
@click.option(
    "--rerun", type=click.FloatRange(0, 1), default=0.0, metavar="FRACTION",
    help="Fraction of the submitted runs to repeat as a check.  [0]",
)  # fmt: skip
@click.option(
    "--seed",
    type=Seed(least=0),
    help="Seed of all random inputs.  [secret, stored with the grades]",
)
@click.option("--json", "as_json", is_flag=True, help="Print all grades as JSON.")
@click.option("--dry-run", is_flag=True, help="Show what would be graded; run nothing.")
def grade(
    submissions: tuple[Path, ...],
    roster_file: Path,
    out: Path,
    rubric_file: Path | None,
    format_: str,
    attempt: str | None,
    names: tuple[str, ...],
    jobs: int | None,
    executor: str,
    least: Isolation | None,
    rerun: float,
    seed: int | None,
    as_json: bool,
    dry_run: bool,
    **options: Any,
) -> None:
    """Grade SUBMISSIONS (folders, archives, an LMS's download); write a gradebook and feedback.

    Participants' code runs in separate processes, in the strongest isolation that this machine
    supports. Results are stored as they come: after an interruption, repeat the command to resume.
    """
    from workshop.grading import store
    from workshop.grading.intake.roster import read_roster

    for path in submissions:
        if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
            raise UsageError(f"{out} lies in {path}, among the submissions: choose another -o")
    rubric = the_rubric(rubric_file, names, attempt)
    roster = read_roster(roster_file)
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="workshop-grade-") as place:
            tell_what_is_there(gathered_from(submissions, roster, rubric, Path(place)), roster)
        return
    run = runner(executor, jobs, options)
    with store.opened(out) as work:
        order = make_order(work, rubric, isolation_for(executor, least), seed)
        outcome, paths = grade_and_write(
            submissions, roster, rubric, order, out, format_, run, rerun
        )
    if as_json:
        click.echo(json.dumps(as_data(outcome, order, paths), indent=2, ensure_ascii=False))
    else:
        tell(outcome, order, out, format_)
    sys.exit(1 if outcome.lost else 0)


def the_rubric(file: Path | None, names: Sequence[str], attempt: str | None) -> Rubric:
    """The rubric that holds, with what options say instead; raises UsageError."""
    import msgspec

    from workshop.grading.rubric import default_rubric, only, read_rubric
    from workshop.learn.exercise import exercises

    known = exercises()
    rubric = read_rubric(file, known) if file else default_rubric(known)
    if attempt:
        rubric = msgspec.structs.replace(rubric, attempt=attempt)
    return only(rubric, names) if names else rubric


def gathered_from(
    submissions: Sequence[Path], roster: Roster, rubric: Rubric, into: Path
) -> Gathered:
    from workshop.grading.intake.submissions import gather
    from workshop.grading.whole import zone_of

    return gather(submissions, roster, into, zone_of(rubric))


def make_order(work: Path, rubric: Rubric, isolation: Isolation, seed: int | None) -> Order:
    from workshop.grading import store
    from workshop.grading.attempt import Order

    return Order(work.resolve(), store.the_seed(work, seed), isolation, tuple(rubric.exercises))


def isolation_for(executor: str, least: Isolation | None) -> Isolation:
    """The strongest there is here; in a job, which runs elsewhere, what was required.

    Raises:
        UsageError: it is less than ``least``.
    """
    from workshop.judge.isolation import IsolationError, require, strongest

    if least is None:
        return strongest()
    try:
        found = require(least)
    except IsolationError as error:
        raise UsageError(f"--require-isolation: {error}") from None
    return least if executor == "slurm" else found


def runner(executor: str, jobs: int | None, options: dict[str, Any]) -> Runner:
    """What runs jobs: worker processes, this process, or a Slurm array; raises UsageError."""
    from workshop.grading.schedule import in_processes, in_this_process

    if executor == "debug":
        return in_this_process
    count = jobs or len(os.sched_getaffinity(0))
    if executor == "local":
        return lambda todo, order: in_processes(todo, order, count)

    from workshop.cli.follow import the_cluster
    from workshop.grading.array import on_slurm, request_on
    from workshop.slurm.job.request import Wishes

    cluster = the_cluster(options.pop("cluster"))
    wishes = Wishes(**options)

    def run(todo: Sequence[GradingJob], order: Order) -> Results:
        request = request_on(cluster, wishes, order.work)
        return on_slurm(todo, order, count, cluster, request)

    return run


def grade_and_write(
    submissions: Sequence[Path],
    roster: Roster,
    rubric: Rubric,
    order: Order,
    out: Path,
    format_: str,
    run: Runner,
    rerun: float,
) -> tuple[Outcome, list[Path]]:
    """Grade, and write everything; what runs again comes last, when all is written already.

    Raises:
        ClickException: nothing can be run.
    """
    from workshop.grading import store
    from workshop.grading.logs import nothing_again
    from workshop.grading.pages.outputs import write_outputs
    from workshop.grading.schedule import WorkerError
    from workshop.grading.whole import fresh_folder, grade_class, later
    from workshop.judge.isolation import IsolationError
    from workshop.judge.server import ServerError
    from workshop.slurm.job.refusal import SubmitError

    gathered = gathered_from(submissions, roster, rubric, fresh_folder(order.work))
    if not gathered.attempts:
        why = "".join(f" {remark.sentence}." for remark in gathered.remarks[:3])
        raise UsageError(f"there is nothing to grade in {', '.join(map(str, submissions))}.{why}")

    def grade_with(again: Again) -> Outcome:
        with progress() as step:
            return grade_class(gathered, roster, rubric, order, out, run, step, again)

    try:
        outcome = grade_with(nothing_again)
        paths = write_outputs(outcome.cls, out, format_)
        store.note(out, "written", files=len(paths), lost=len(outcome.lost))
        if rerun:
            outcome = later(outcome, grade_with(again_for(rerun, order.seed)))
            paths += write_outputs(outcome.cls, out, format_)
            store.note(out, "written", files=len(paths), lost=len(outcome.lost), rerun=rerun)
    except (WorkerError, ServerError, IsolationError, SubmitError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        interrupted = "interrupted; results so far are stored: repeat the command to resume"
        raise click.ClickException(interrupted) from None
    return outcome, paths


def again_for(fraction: float, seed: int) -> Again:
    """What runs this share of the logs' stages again, each named as it begins."""
    from workshop.grading.evidence.rerun import rerun

    return lambda logs: rerun(logs, fraction, seed, tell=lambda line: click.echo(line, err=True))


@contextlib.contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, of: None
        return
    columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as bars:
        task = bars.add_task("", total=None)
        yield lambda done, of: bars.update(task, completed=done, total=of)
