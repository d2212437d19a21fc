"""What submitted jobs tell of their logs: shared with an earlier job, or not complete yet."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import click

_NAME = re.compile(r"job-.+-\d+(?:_\d+)?\.out")  # of the log of a submitted job
_END = 1 << 20  # bytes at a log's end that its record is in


def note(files: Sequence[Path]) -> None:
    """Print a note on standard error for each log about which its job tells something."""
    for sentence in notes_on(files):
        click.echo(f"Note: {sentence}", err=True)


def notes_on(files: Sequence[Path]) -> list[str]:
    """A sentence for each log that two jobs share, or whose job has not ended."""
    ours = [file for file in files if _NAME.fullmatch(file.name)]
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
    incomplete = [file for file in ours if not has_record(file)]
    return [*shared_logs.notes(ours, where), *unfinished.notes(incomplete, where)]


def has_record(log: Path) -> bool:
    """Whether the end of a log holds the record of a run."""
    from workshop.record.results import PREFIX

    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _END))
            return PREFIX.encode() in file.read()
    except OSError:
        return False
