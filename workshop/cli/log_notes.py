"""What submitted jobs tell of their logs: shared with an earlier job, or not complete yet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from workshop.record.readers import Reading

_NAME = re.compile(r"job-.+-\d+(?:_\d+)?\.out")  # of the log of a submitted job


def note(readings: Sequence[Reading]) -> None:
    """Print a note on standard error for each log about which its job tells something."""
    for sentence in notes_on(readings):
        click.echo(f"Note: {sentence}", err=True)


def notes_on(readings: Sequence[Reading]) -> list[str]:
    """A sentence for each log that two jobs share, or whose job has not ended."""
    ours = [one for one in readings if _NAME.fullmatch(one.path.name)]
    if not ours:
        return []
    from workshop.cli.follow import the_cluster
    from workshop.slurm import runs
    from workshop.slurm.queue import shared_logs, unfinished
    from workshop.util.errors import UsageError

    try:
        where = runs.root(the_cluster(None).paths.runs_directory)
    except UsageError:  # a description that cannot be read says nothing of a log
        return []
    incomplete = [one.path for one in ours if one.result.status != "ok"]
    paths = [one.path for one in ours]
    return [*shared_logs.notes(paths, where), *unfinished.notes(incomplete, where)]
