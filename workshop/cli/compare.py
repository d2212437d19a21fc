"""``workshop compare``."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from workshop.analysis.compare import Change, Comparison
    from workshop.record.results import Result


@click.command()
@click.argument("old", metavar="A", type=click.Path(path_type=Path))
@click.argument("new", metavar="B", type=click.Path(path_type=Path))
@click.option(
    "--fail-below",
    type=float,
    metavar="RATIO",
    help="Exit with 1 if a stage's tokens/s in B are below RATIO times those in A, or missing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(old: Path, new: Path, fail_below: float | None, as_json: bool) -> None:
    """Compare B with A, stage by stage: the change in percent, and whether it exceeds the noise.

    A and B are logs, or directories of logs (*.out). If both have several runs of a stage, the
    means of the runs are compared; otherwise the samples are, which leaves out run-to-run
    variation.

    If A and B hold one stage each, those two are compared, even if they differ (not with
    --fail-below): 'compare job-baseline-1.out job-compile-2.out'. The exit code is 1 if nothing
    can be compared.
    """
    from workshop.analysis import compare as comparing
    from workshop.record.results import to_json
    from workshop.util.errors import UsageError

    if fail_below is not None and not 0 < fail_below < math.inf:
        raise UsageError("--fail-below takes a ratio above 0, such as 0.95")
    found = comparing.compare(results_of(old), results_of(new), across=fail_below is None)
    if as_json:
        click.echo(to_json(found))
    else:
        show(found)
    failures = [] if fail_below is None else too_slow(found, fail_below)
    if not found.changes and not failures:
        failures = ["Error: no run of A has a counterpart in B, so nothing is compared."]
    for sentence in failures:
        click.echo(sentence, err=True)
    sys.exit(1 if failures else 0)


def results_of(path: Path) -> list[Result]:
    """The results of a log, or of all logs of a folder."""
    from workshop.record.readers import read_logs
    from workshop.util.errors import UsageError

    logs = sorted(path.glob("*.out")) if path.is_dir() else [path]
    if not logs:
        raise UsageError(f"there is no log (*.out) in the folder {path}")
    return [reading.result for reading in read_logs(logs)]


def too_slow(found: Comparison, fail_below: float) -> list[str]:
    """A sentence for each stage whose tokens/s are too few, or that has none any more."""
    from workshop.analysis.compare import SPEED
    from workshop.util.text import one_line

    slow = [
        f"{one_line(change.label)}: B has {change.ratio.value:.3g} times the tokens/s of A, "
        f"below {fail_below:g}, {_surely_below(change, fail_below)}."
        for change in found.changes
        if change.metric == SPEED and change.ratio.value < fail_below
    ]
    gone = [f"{one_line(label)}: {one_line(why)}" for label, why in found.missing.items()]
    return slow + gone


def _surely_below(change: Change, fail_below: float) -> str:
    if change.ratio.high is None:
        return "and fewer than 2 values per side cannot show whether that is noise"
    if change.ratio.high < fail_below:
        return "by more than noise"
    return "but not by more than noise"


def show(found: Comparison) -> None:
    """The table, and what it does not tell."""
    from rich.console import Console

    from workshop.util.text import one_line

    console = Console(highlight=False)
    if not console.is_terminal or console.width < 120:
        console = Console(highlight=False, width=120)
    if found.changes:
        console.print(table(found))
    for label, why in found.missing.items():
        console.print(f"{one_line(label)}: {one_line(why)}", markup=False, soft_wrap=True)
    for label in found.added:
        console.print(f"{one_line(label)}: only in B", markup=False, soft_wrap=True)
    console.print(f"{found.method}; more than noise: p < 0.01.", markup=False, soft_wrap=True)
    if any(change.counted == "samples" for change in found.changes):
        console.print(
            "n counts samples of single runs, which leaves out run-to-run variation. To include "
            "it, name directories with several runs of each stage.",
            soft_wrap=True,
        )


def table(found: Comparison) -> Table:
    """A row for each stage and metric."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from workshop.analysis.table import number
    from workshop.util.text import one_line

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    shown.add_column("stage", max_width=26)
    shown.add_column("metric", no_wrap=True)
    for name in ("A", "B", "change", "99 % interval"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("verdict")
    last = ""
    for change in found.changes:
        label = one_line(change.label)
        scale, unit = (1e3, "ms") if change.unit == "s" else (1.0, change.unit)
        shown.add_row(
            Text("" if label == last else label),
            change.metric,
            number(change.old * scale),
            f"{number(change.new * scale)} {unit}",
            percent(change.ratio.value),
            interval(change),
            verdict(change),
        )
        last = label
    return shown


def percent(ratio: float) -> str:
    """'+4.2 %'."""
    change = 100 * (ratio - 1)
    digits = 1 if abs(change) < 1000 else 0
    told = f"{change:+.{digits}f} %" if abs(change) < 1e6 else f"{change:+.1e} %"
    return told.replace("-0.0 %", "+0.0 %")


def interval(change: Change) -> str:
    low, high = change.ratio.low, change.ratio.high
    return "-" if low is None or high is None else f"{percent(low)} to {percent(high)}"


def verdict(change: Change) -> str:
    """Whether it is more than noise, and by which numbers."""
    if change.ratio.p is None:
        return "unknown: fewer than 2 values, or the log does not say how many"
    n = " and ".join(map(str, change.counts))
    p = "< 0.0001" if change.ratio.p < 1e-4 else f"= {change.ratio.p:.2g}"
    if not change.more_than_noise:
        return f"within noise (p {p}, n = {n} {change.counted})"
    word = "better" if change.better else "worse"
    return f"{word}, more than noise (p {p}, n = {n} {change.counted})"
