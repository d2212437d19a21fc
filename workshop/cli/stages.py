"""``workshop stages``."""

from __future__ import annotations

import json

import click

from workshop.stages import STAGES

TOLD = ("name", "against", "summary", "changes")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the stages as JSON.")
def stages(as_json: bool) -> None:
    """List the stages: what each one changes, and which earlier stage it builds on."""
    if as_json:
        told = [{name: getattr(stage, name) for name in TOLD} for stage in STAGES.values()]
        click.echo(json.dumps(told, indent=2))
        return
    for stage in STAGES.values():
        against = f"against {stage.against}" if stage.against else "where it starts"
        click.echo(f"{stage.name:<12} {against:<17} {stage.summary}")
        for name, value in stage.changes.items():
            click.echo(f"{'':<12} {'':<17} one setting: {name.replace('_', ' ')} = {value}")
