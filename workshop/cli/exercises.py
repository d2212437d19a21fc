"""``workshop exercises``: what there is, and the proof that its checks work."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from workshop.cli.seed import Seed


@click.group()
def exercises() -> None:
    """List the exercises; for authors, verify that their checks work."""


@exercises.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the exercises as JSON.")
def list_(as_json: bool) -> None:
    """List each exercise with its subject and duration in minutes."""
    from workshop.learn.exercise import exercises as all_exercises

    known = all_exercises().values()
    if as_json:
        rows = [
            {"name": one.name, "title": one.about.title, "minutes": one.about.minutes,
             "core": one.about.core}
            for one in known
        ]  # fmt: skip
        click.echo(json.dumps(rows, indent=2))
        return
    for one in known:
        day = "" if one.about.core else ", second day"
        click.echo(f"{one.name:<16} {one.about.title} ({one.about.minutes} minutes{day})")


@exercises.command()
@click.argument("names", metavar="[EXERCISE]...", nargs=-1)
@click.option("--seed", type=Seed(), help="Seed of the random inputs.  [a new one each time]")
@click.option(
    "--seeds",
    type=click.IntRange(1, 10_000),
    help="Judge the solution and every known answer, right or wrong, on this many seeds.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the flaws as JSON.")
def verify(names: tuple[str, ...], seed: int | None, seeds: int | None, as_json: bool) -> None:
    """Prove that the checks tell right from wrong.

    The starter must fail; the solution, and right answers written in other ways, must pass; every
    known wrong answer must fail with a hint that names its cause; links and snippets of the READMEs
    must work. Code runs as the grader runs it: in the strongest isolation that this machine
    supports, and with the hidden checks, too.

    With --seeds N the verdict on every known answer must be the same on all of N seeds. Exits with
    1 if there are flaws; each flaw is listed with the seeds that show it.
    """
    from workshop.cli import cli
    from workshop.cli.check import draw_seed, find, started
    from workshop.learn.exercise import exercises as all_exercises
    from workshop.learn.verify import verify as flaws_of

    known = all_exercises()
    chosen = [find(known, name) for name in names] or list(known.values())
    flaws = []
    drawn = draw_seed(seed)
    with started(None) as server:  # what works in the strongest isolation works for the grader
        for exercise in chosen:
            with progress_line() as tell:
                found = list(flaws_of(exercise, server, drawn, cli, seeds, tell))
            flaws += found
            if not as_json:
                click.echo(f"{exercise.name}: {'verified' if not found else counted(len(found))}")
                for flaw in found:
                    click.echo(f"    {flaw.where}: {flaw.what}")
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(flaw) for flaw in flaws], indent=2))
    elif flaws:
        click.echo(f"inputs were drawn with --seed {drawn}")
    sys.exit(1 if flaws else 0)


def counted(flaws: int) -> str:
    return "1 flaw" if flaws == 1 else f"{flaws} flaws"


@contextmanager
def progress_line() -> Iterator[Callable[[str], None]]:
    """A function that shows what is going on in one line of the terminal, gone at the end."""
    terminal = sys.stderr.isatty()

    def tell(line: str) -> None:
        if terminal:
            width = shutil.get_terminal_size().columns - 1
            click.echo(f"\r{line[:width]:<{width}}", err=True, nl=False)

    try:
        yield tell
    finally:
        tell("")
        if terminal:
            click.echo("\r", err=True, nl=False)
