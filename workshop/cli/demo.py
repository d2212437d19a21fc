"""``workshop demo``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from workshop.cli.options import RUN_OPTIONS, check, settings_for, with_options
from workshop.record.results import Result, to_json
from workshop.stages import STAGES
from workshop.stages.settings import Settings


@click.command()
@with_options(RUN_OPTIONS)
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Directory for the logs and the figure.  [.]",
)
@click.option("--json", "as_json", is_flag=True, help="Print only the records, as JSON.")
def demo(output_dir: Path, as_json: bool, **options: Any) -> None:
    """Run baseline, compile, quantize, speculative and tp; print a table and draw the figure.

    Each stage is a job of submitit's local executor, with a log of its own: job-STAGE-ID.out.
    """
    from workshop.cli.show import DEFAULT_OUTPUT, check_default, draw
    from workshop.util.files import make_directory

    make_directory(output_dir)
    figure = output_dir / DEFAULT_OUTPUT
    check_default(figure)
    settings = [settings_for(name, options) for name in STAGES]
    for one in settings:
        check(one)
    runs = run_all(settings, output_dir)
    results = list(runs.values())
    if as_json:
        click.echo(f"[{', '.join(to_json(result) for result in results)}]")
    else:
        show(results)
        click.echo(f"The logs:   {' '.join(str(log) for log in runs)}")
        if draw(list(runs), figure, quiet=True):  # the table has warned
            click.echo(f"The figure: {figure}")
    sys.exit(0 if all(result.status == "ok" for result in results) else 1)


def run_all(settings: Sequence[Settings], directory: Path) -> dict[Path, Result]:
    """Run one stage after the other; a stage that fails does not keep the rest from running."""
    from workshop.runner.launch import reserve_log, run_locally

    runs = {}
    with display(settings) as watch:
        for one in settings:
            log = reserve_log(directory, one.title)
            runs[log] = run_locally(one, log, watch(one))
    return runs


Watch = Callable[[Settings], Callable[[str], None]]


def display(settings: Sequence[Settings]) -> AbstractContextManager[Watch]:
    """What is going on, on a terminal's standard error; silent anywhere else."""
    if not sys.stderr.isatty():
        return nullcontext(lambda one: lambda line: None)
    from workshop.cli.progress import StageProgress

    return StageProgress([one.stage for one in settings], {s.stage: s.samples for s in settings})


def show(results: Sequence[Result]) -> None:
    """The table, then a sentence per stage, then what went wrong and what to do about it."""
    from rich.console import Console

    from workshop.analysis.explain import why
    from workshop.analysis.identity import find
    from workshop.analysis.table import table

    console = Console(highlight=False)
    if not console.is_terminal or console.width < 120:
        console = Console(highlight=False, width=120)
    console.print(table(results))
    for result in results:
        said = why(result, find(results, result.against))
        console.print(f"{result.label}: {said}", markup=False, soft_wrap=True)
    for advice in dict.fromkeys(result.advice for result in results if result.advice):
        console.print(f"What to do: {advice}", markup=False, soft_wrap=True)
    warned = [warning for result in results for warning in result.warnings]
    for warning in dict.fromkeys(re.sub(r"^\d+ other process(es)?", "others", w) for w in warned):
        console.print(f"Warning: {warning}", markup=False, soft_wrap=True)
    console.print(
        "tokens/s is decode alone: (new tokens - 1) / decode seconds, ± standard deviation over "
        "the samples; warm-up and compilation are not in it.",
        soft_wrap=True,
    )
