"""``workshop profile``: a few decode steps, kernel by kernel, beside their predictions."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workshop.cli.options import RUN_OPTIONS, TECHNIQUE_OPTIONS, check, settings_for, with_options
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from workshop.profile.capture import Profile

STEPS = 8
MOST_KERNELS = 12  # that are shown one by one


@click.command()
@click.argument("stage")
@click.option(
    "--steps",
    type=click.IntRange(1, 1000),
    default=STEPS,
    show_default=True,
    help="Number of decode steps to profile.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Trace file for Chrome or Perfetto.  [default: trace-STAGE-N.json]",
)
@with_options(RUN_OPTIONS)
@with_options(TECHNIQUE_OPTIONS)
@click.option("--json", "as_json", is_flag=True, help="Print the profile as JSON.")
def profile(stage: str, steps: int, output: Path | None, as_json: bool, **options: Any) -> None:
    """Run a few decode steps of STAGE under torch.profiler, once it is warm.

    Writes a trace for chrome://tracing or https://ui.perfetto.dev, and prints where the time went:
    the time of each class of kernel beside its roofline prediction, and the time in which no
    kernel ran. docs/predict.md explains the table.
    """
    # Before torch is loaded: its profiler else tells of its own stages on standard error.
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    settings = settings_for(stage, options)
    check(settings)
    check_profile(settings, steps, output)
    from workshop.profile.job import profile_here
    from workshop.record.results import to_json
    from workshop.runner.failure import Failure

    click.echo("Loading, warming up and profiling ...", err=True)
    found = profile_here(settings, steps, output)
    if found is None:  # a rank that is not the first
        return
    if isinstance(found, Failure):
        click.echo(f"Error: {found.reason}", err=True)
        if found.advice and found.expected:
            click.echo(f"Next: {found.advice}", err=True)
        sys.exit(1)
    if as_json:
        click.echo(to_json(found))
    else:
        show(found)


def check_profile(settings: Settings, steps: int, output: Path | None) -> None:
    """Find out before anything starts what cannot be profiled; raises UsageError."""
    from workshop.profile.length import new_tokens_needed
    from workshop.runner.machine import pick_device

    if pick_device(settings.device).type == "mps":
        raise UsageError("torch.profiler does not see the kernels of Apple's GPU: use --device cpu")
    needed = new_tokens_needed(settings, steps)
    if needed > settings.new_tokens:
        raise UsageError(
            f"{steps} steps may make {needed} tokens, and {settings.new_tokens} are asked for: "
            f"use --new-tokens {needed} or fewer --steps"
        )
    if output is None:
        return
    if not output.parent.is_dir():
        raise UsageError(f"there is no folder {output.parent} to write {output.name} in")
    if output.exists() or output.is_symlink():
        raise UsageError(f"{output} is there, and no trace is written over it: name another file")


def show(found: Profile) -> None:
    """The table of classes, the table of kernels, and what they say."""
    from workshop.analysis.table import number
    from workshop.cli.predict.show import printed, table
    from workshop.util.text import one_line

    ms = 1e3
    click.echo(
        f"{found.stage} of {one_line(found.model)} on {one_line(found.device)}, {_what(found)}"
    )
    for warning in found.warnings:
        click.echo(f"Warning: {warning}", err=True)

    def milliseconds(seconds: float | None) -> str:
        return "-" if seconds is None else number(seconds * ms)

    rows = [
        (
            row.kind,
            f"{row.calls:.4g}" if row.kind != "host" else "",
            milliseconds(row.seconds),
            f"{row.share:.1%}",
            milliseconds(row.ideal_seconds),
            milliseconds(row.expected_seconds),
            "-" if row.against_expected is None else f"{number(row.against_expected)}x",
        )
        for row in found.classes
    ]
    total = (
        "together",
        f"{sum(row.calls for row in found.classes):.4g}",
        milliseconds(found.profiled_seconds_per_token),
        "100.0%",
        *(
            milliseconds(None if found.unpredicted else sum(seconds))
            for seconds in (
                [row.ideal_seconds or 0.0 for row in found.classes],
                [row.expected_seconds or 0.0 for row in found.classes],
            )
        ),
        "",
    )
    calls = f"{found.busy_is} a token"
    head = ("class", calls, "ms a token", "share", "ideal ms", "expected ms", "of expected")
    printed(table(head, [*rows, total]))
    if found.unpredicted:
        click.echo(f"No prediction: {one_line(found.unpredicted, 300)}.")
    kernels = [
        (one_line(one.name, 52), one.kind, f"{one.calls:.4g}", milliseconds(one.seconds))
        for one in found.kernels[:MOST_KERNELS]
    ]
    printed(table((found.busy_is[:-1], "class", "calls a token", "ms a token"), kernels, left=2))
    if (more := len(found.kernels) - MOST_KERNELS) > 0:
        click.echo(f"and {more} more, in the trace and with --json")
    click.echo(verdict(found))
    click.echo(found.trace)


def _what(found: Profile) -> str:
    tokens = f"{found.tokens} token{'s' if found.tokens > 1 else ''}"
    made = f"{tokens} in {found.steps} step{'s' if found.steps > 1 else ''}"
    threads = ""
    if found.threads is not None:
        threads = f", {found.threads} thread{'s' if found.threads > 1 else ''}"
    ranks = f", rank 0 of {found.ranks}" if found.ranks > 1 else ""
    return f"after a prompt of {found.prompt_tokens}: {made}{threads}{ranks}"


def verdict(found: Profile) -> str:
    """How much of the time nothing was at work, and what the profiler itself costs."""
    idle = (
        "no kernel runs on the GPU"
        if found.busy_is == "kernels"
        else "no operator is at work, but Python or torch.compile's guards"
    )
    without = found.seconds_per_token
    slower = found.profiled_seconds_per_token / without if without else 1.0
    return (
        f"Host-bound share: {found.host_share:.0%} of the profiled time {idle}.\n"
        f"Without the profiler a token takes {without * 1e3:.4g} ms; with it, {slower:.2f} times "
        "as long: its own work falls on the host."
    )
