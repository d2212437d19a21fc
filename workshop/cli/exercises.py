"""``workshop exercises``: what there is, and the proof that its checks work."""

from __future__ import annotations

import dataclasses
import json
import sys

import click

from workshop.cli.seed import Seed
from workshop.util.errors import UsageError


@click.group()
def exercises() -> None:
    """List the exercises; for authors, verify that their checks work."""


@exercises.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the exercises as JSON.")
def list_(as_json: bool) -> None:
    """Name, subject and minutes of each exercise."""
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
@click.option("--json", "as_json", is_flag=True, help="Print the flaws as JSON.")
def verify(names: tuple[str, ...], seed: int | None, as_json: bool) -> None:
    """Prove that the checks tell right from wrong.

    The starter must fail, the solution pass, and every known wrong answer fail with a hint that
    names its cause; links and snippets of the READMEs must work. Code runs as the grader runs it:
    in the strongest isolation that this machine supports, and with the hidden checks, too.
    """
    from workshop.cli import cli
    from workshop.cli.check import draw_seed, started
    from workshop.learn.exercise import exercises as all_exercises
    from workshop.learn.verify import verify as flaws_of

    known = all_exercises()
    for name in names:
        if name not in known:
            raise UsageError(f"there is no exercise {name!r}; the exercises are {', '.join(known)}")
    flaws = []
    drawn = draw_seed(seed)
    with started(None) as server:  # what works in the strongest isolation works for the grader
        for name in names or known:
            found = list(flaws_of(known[name], server, drawn, cli))
            flaws += found
            if not as_json:
                click.echo(f"{name}: {'verified' if not found else f'{len(found)} flaws'}")
                for flaw in found:
                    click.echo(f"    {flaw.where}: {flaw.what}")
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(flaw) for flaw in flaws], indent=2))
    elif flaws:
        click.echo(f"inputs were drawn with --seed {drawn}")
    sys.exit(1 if flaws else 0)
