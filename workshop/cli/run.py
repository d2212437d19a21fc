"""``workshop run``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from workshop.cli.options import RUN_OPTIONS, TECHNIQUE_OPTIONS, check, override, with_options
from workshop.results import Result, to_json
from workshop.stages import Settings, settings_of


@click.command()
@click.argument("stage")
@with_options(RUN_OPTIONS)
@with_options(TECHNIQUE_OPTIONS)
@click.option("--json", "as_json", is_flag=True, help="Print the record alone.")
def run(stage: str, as_json: bool, **options: Any) -> None:
    """Run STAGE here and now; its log goes to standard output.

    What the stage brings can be changed by option: 'workshop run tp --quantize none'.
    """
    settings = override(settings_of(stage), options)
    check(settings)
    result = run_here(settings, quiet=as_json)
    if as_json:
        click.echo(to_json(result))
        if result.reason:
            click.echo(f"Error: {result.reason}", err=True)
    sys.exit(0 if result.status == "ok" else 1)


def run_here(settings: Settings, quiet: bool) -> Result:
    """In this process; several ranks are processes of their own, whose log is passed on.

    Where srun has started these processes already, each is a rank.
    """
    from workshop.launch import measure_rank, run_locally
    from workshop.rank import Rank, rank_of_step

    rank = rank_of_step(settings.ranks)
    if rank or settings.ranks == 1:
        return measure_rank(settings, rank or Rank(), None if quiet else sys.stdout)
    with tempfile.TemporaryDirectory(prefix="workshop-") as folder:
        log = Path(folder) / f"job-{settings.stage}-0.out"
        log.touch()
        return run_locally(settings, log, (lambda line: None) if quiet else click.echo)
