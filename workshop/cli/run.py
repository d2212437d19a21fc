"""``workshop run``."""

from __future__ import annotations

import sys
from typing import Any

import click

from workshop.cli.options import RUN_OPTIONS, TECHNIQUE_OPTIONS, check, settings_for, with_options
from workshop.record.results import to_json


@click.command()
@click.argument("stage")
@with_options(RUN_OPTIONS)
@with_options(TECHNIQUE_OPTIONS)
@click.option("--json", "as_json", is_flag=True, help="Print only the record, as JSON.")
def run(stage: str, as_json: bool, **options: Any) -> None:
    """Run STAGE here and now; its log goes to standard output.

    Options override the stage's settings: 'workshop run tp --quantize none'.
    """
    from workshop.runner.launch import run_here

    settings = settings_for(stage, options)
    check(settings)
    result = run_here(settings, quiet=as_json)
    if as_json:
        click.echo(to_json(result))
        if result.reason:
            click.echo(f"Error: {result.reason}", err=True)
    sys.exit(0 if result.status == "ok" else 1)
