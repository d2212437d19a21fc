"""``workshop cluster``: show, list and detect descriptions of clusters."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import click

from workshop.util.errors import UsageError


@click.group()
def cluster() -> None:
    """Describe this cluster once, for every job.

    A description is a TOML file. --cluster, or else the variable WORKSHOP_CLUSTER, names one: a
    file, or a name from 'workshop cluster list'. Without either, it is the first that exists of:

    \b
      ./workshop.toml
      ~/.config/workshop/cluster.toml  (or $XDG_CONFIG_HOME/workshop/cluster.toml)
      etc/workshop/cluster.toml  in the Python environment that workshop is installed in
      /etc/workshop/cluster.toml
      the generic one, which leaves everything to Slurm's defaults
    """


@cluster.command()
@click.argument("wanted", metavar="[NAME|FILE]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the values that a job gets as JSON.")
def show(wanted: str | None, as_json: bool) -> None:
    """Show a cluster description with its defaults; without an argument, the one in use."""
    from workshop.slurm.cluster.expand import expanded
    from workshop.slurm.cluster.find import find_cluster
    from workshop.slurm.cluster.toml import comment, dumps, flat

    found = find_cluster(wanted, Path.cwd(), os.environ)
    yours = expanded(found, os.environ)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(yours), default=str, indent=2))
        return
    for_you = flat(yours)
    comments = {
        key: f"for you: {for_you[key]}"
        for key, value in flat(found).items()
        if value != for_you[key]
    }
    click.echo(comment(f"from {found.source}"))
    click.echo(dumps(found, comments), nl=False)


@cluster.command("list")
def list_() -> None:
    """List the available descriptions, and show which one is in use."""
    from workshop.slurm.cluster.find import available, find_cluster
    from workshop.slurm.cluster.load import load

    for name, file in available(os.environ).items():
        try:
            summary = load(file).description or ""
        except UsageError as error:
            summary = f"unusable: {error}"
        click.echo(f"{name:<12} {summary}\n{'':<12} {file}")
    click.echo(f"\nused here: {find_cluster(None, Path.cwd(), os.environ).source}")


@cluster.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; it must not exist yet.",
)
@click.option("--json", "as_json", is_flag=True, help="Print each value and its source as JSON.")
def detect(output: Path | None, as_json: bool) -> None:
    """Draft a description from Slurm's own configuration; run this on a login node.

    A comment beside each value names its source. Fill in what Slurm does not know: modules, setup,
    the directory of the checkpoints.
    """
    from workshop.slurm.cluster import detect as slurm
    from workshop.slurm.facts.ask import NoAnswerError
    from workshop.util.files import write

    if output and output.exists():
        raise UsageError(f"{output} is there already: choose another file, or move it away")
    try:
        detected = slurm.detect()
    except NoAnswerError as error:
        advice = "run this on a login node of the cluster, where 'scontrol ping' answers"
        raise click.ClickException(f"{error}; {advice}") from None
    text = slurm.text(detected)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        write(output, text.encode())
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(detected), default=str, indent=2))
    elif output:
        click.echo(f"{output}: fill it in, then check it with 'workshop cluster show {output}'")
    else:
        click.echo(text, nl=False)
