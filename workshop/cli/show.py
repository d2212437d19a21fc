"""``workshop plot``."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workshop.figures import KINDS, PROGRESSION, THEME_NAMES

if TYPE_CHECKING:
    from workshop.figures.sheet import ShownFigure
    from workshop.record.results import Result

DEFAULT_OUTPUT = Path(f"{PROGRESSION}.png")
ALL = "all"
# Kinds in which a stage without a number keeps its place; the others name it under the figure.
_WITH_GAPS = (PROGRESSION, "ladder", "latency", ALL)

_KINDS_HELP = "; ".join(f"{kind}: {shows}" for kind, shows in KINDS.items())


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write: .png, .svg or .pdf; with --kind all, a directory.  [KIND.png]",
)
@click.option(
    "--kind",
    type=click.Choice([*KINDS, ALL]),
    default=PROGRESSION,
    help=f"Kind of figure. {_KINDS_HELP}; all: one file for each kind that can be drawn.  "
    f"[{PROGRESSION}]",
)
@click.option(
    "--theme",
    type=click.Choice(THEME_NAMES),
    default=THEME_NAMES[0],
    help=f"For print, for a projector, or for a projector in a dark room.  [{THEME_NAMES[0]}]",
)
@click.option(
    "--mine",
    metavar="USER",
    help="User whose bars are highlighted in kind compare.  [you]",
)
def plot(
    files: tuple[Path, ...], output: Path | None, kind: str, theme: str, mine: str | None
) -> None:
    """Draw a figure of the results in the logs FILES; by default, memory, bandwidth and tokens/s of
    each stage.

    Runs with the same settings become one bar. To name the stage of another tool's log, write
    baseline=FILE. A log without a result is reported and leaves a gap. The exit code is 1 if there
    is nothing to draw. docs/figures.md explains each kind of figure.
    """
    from workshop.cli.log_notes import note

    note(files)
    if kind == ALL:
        written = draw_all(files, output or Path(), theme, mine)
    else:
        one = draw(files, output, kind, theme, mine)
        written = [one] if one else []
    for path in written:
        click.echo(path)
    if not written:
        sys.exit(1)


def draw(
    files: Sequence[Path],
    output: Path | None,
    kind: str = PROGRESSION,
    theme: str = THEME_NAMES[0],
    mine: str | None = None,
    quiet: bool = False,
) -> Path | None:
    """Write the figure of these logs, with warnings on standard error; None if there is no number.

    Args:
        quiet: leave the warnings to the figure.

    Raises:
        UsageError: a log that cannot be read, or an output that cannot be written there.
        ClickException: a full disk, a folder that may not be written to, or results that lack what
            this kind of figure is made of.
    """
    from workshop.figures.kinds import figure_of
    from workshop.figures.theme import THEMES, NothingToDrawError, check_target
    from workshop.util.user import user

    target = output or Path(f"{kind}.png")
    check_target(target)
    if output is None:
        check_default(target)
    results = _results_of(files, kind)
    if not results:
        return None
    try:
        figure = figure_of(kind, results, THEMES[theme], mine or user())
    except NothingToDrawError as error:
        raise click.ClickException(f"there is no {kind} to draw: {error}") from None
    _save(figure, target)
    if not quiet:
        _warn_of(figure)
    return target


def draw_all(
    files: Sequence[Path], folder: Path, theme: str = THEME_NAMES[0], mine: str | None = None
) -> list[Path]:
    """Write a figure of every kind that can be drawn; the others are named on standard error.

    Raises:
        UsageError, ClickException: as ``draw``.
    """
    from workshop.figures.kinds import figure_of
    from workshop.figures.theme import THEMES, NothingToDrawError
    from workshop.util.errors import UsageError
    from workshop.util.user import user

    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}: --kind {ALL} writes several files into one")
    targets = {kind: folder / f"{kind}.png" for kind in KINDS}
    for target in targets.values():
        check_default(target)
    results = _results_of(files, ALL)
    if not results:
        return []
    written = []
    for kind, target in targets.items():
        try:
            figure = figure_of(kind, results, THEMES[theme], mine or user())
        except NothingToDrawError as error:
            click.echo(f"{target.name}: not drawn: {error}", err=True)
            continue
        _save(figure, target)
        written.append(target)
        if kind == PROGRESSION:  # the other kinds have the same cautions, or fewer
            _warn_of(figure)
    return written


def _results_of(files: Sequence[Path], kind: str) -> list[Result]:
    """The results of these logs, with a remark on each that gave no number; none if all did."""
    from workshop.record.readers import read_logs

    readings = read_logs(files)
    results = [reading.result for reading in readings]
    labels = {result.label for result in results if result.has_number}
    for reading in readings:
        if remark := remark_on(reading.result, labels, kind in _WITH_GAPS):
            click.echo(f"{reading.path.name}: {remark}", err=True)
    if not labels:
        click.echo("Error: none of these logs has a result, so there is no figure.", err=True)
        return []
    return results


def _save(figure: ShownFigure, target: Path) -> None:
    from workshop.figures.theme import FigureError, save_figure

    try:
        save_figure(figure, target)
    except FigureError as error:
        raise click.ClickException(str(error)) from None


def _warn_of(figure: ShownFigure) -> None:
    """What not to conclude from a figure, a sentence each."""
    for sentence in figure.cautions:
        click.echo(f"Warning: {sentence}", err=True)


def check_default(target: Path) -> None:
    """Make sure that nothing of the user's is written over unasked; raises UsageError."""
    from workshop.figures import theme
    from workshop.util.errors import UsageError

    if target.exists() and not theme.made_here(target):
        raise UsageError(
            f"{target} is there, and it is not a figure of the workshop's: "
            "move it, or have the figure elsewhere (plot -o FILE, demo --output-dir DIR)"
        )


def remark_on(result: Result, drawn: Collection[str], gaps: bool = True) -> str:
    """What to know of a run that gave no number, or not all of them; '' if all is well.

    ``drawn`` holds the labels that have a bar.
    """
    from workshop.util.text import one_line

    reason = one_line(result.reason or "the record has no number, and no reason", 300).rstrip(".")
    if not result.has_number:
        gap = "; drawn as a gap" if drawn and gaps else ""
        return f"no result: {reason}" + ("; left out" if result.label in drawn else gap)
    if result.status != "ok":
        count = len(result.samples) or len(result.speeds)
        return f"not complete: {reason}; drawn with {count} samples"
    return ""
