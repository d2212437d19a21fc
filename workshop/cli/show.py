"""``workshop plot``."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from workshop.results import Result

DEFAULT_OUTPUT = Path("progression.png")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help=f"The figure's file, .png, .svg or .pdf.  [default: {DEFAULT_OUTPUT}]",
)
def plot(files: tuple[Path, ...], output: Path | None) -> None:
    """Draw memory, bandwidth and tokens per second from the logs FILES, a bar for each stage.

    Several runs of the same stage become one bar. A log without a result is named, and leaves a
    gap. The exit code is 1 if no log has one.
    """
    written = draw(files, output)
    if written is None:
        sys.exit(1)
    click.echo(written)


def draw(files: Sequence[Path], output: Path | None) -> Path | None:
    """Write the figure of these logs, with warnings on standard error; None if there is no number.

    Raises:
        UsageError: a log that cannot be read, or an output that cannot be written there.
        ClickException: a full disk, or a folder that may not be written to.
    """
    from workshop.figures import pooling, theme
    from workshop.figures.caption import warnings_for
    from workshop.figures.progression import progression
    from workshop.readers import read_logs

    target = output or DEFAULT_OUTPUT
    theme.check_target(target)
    if output is None:
        check_default(target)
    readings = read_logs(files)
    results = [reading.result for reading in readings]
    labels = {result.label for result in results if pooling.has_number(result)}
    for reading in readings:
        if remark := remark_on(reading.result, labels):
            click.echo(f"{reading.path.name}: {remark}", err=True)
    if not labels:
        click.echo("Error: none of these logs has a result, so there is no figure.", err=True)
        return None
    for sentence in warnings_for(results):
        click.echo(f"Warning: {sentence}", err=True)
    try:
        theme.save_figure(progression(results), target)
    except theme.FigureError as error:
        raise click.ClickException(str(error)) from None
    return target


def check_default(target: Path) -> None:
    """Make sure that nothing of the user's is written over unasked; raises UsageError."""
    from workshop.figures import theme
    from workshop.stages import UsageError

    if target.exists() and not theme.made_here(target):
        raise UsageError(
            f"{target} is there, and it is not a figure of the workshop's: "
            "move it, or have the figure elsewhere (plot -o FILE, demo --output-dir DIR)"
        )


def remark_on(result: Result, drawn: Collection[str]) -> str:
    """What to know of a run that gave no number, or not all of them; '' if all is well.

    ``drawn`` holds the labels that have a bar.
    """
    from workshop.figures.pooling import has_number
    from workshop.readers.ours import one_line

    reason = one_line(result.reason or "the record has no number, and no reason", 300).rstrip(".")
    if not has_number(result):
        gap = "; drawn as a gap" if drawn else ""
        return f"no result: {reason}" + ("; left out" if result.label in drawn else gap)
    if result.status != "ok":
        return f"not complete: {reason}; drawn with {len(result.samples)} samples"
    return ""
