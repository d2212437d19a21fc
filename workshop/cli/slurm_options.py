"""The options about Slurm that ``submit`` and ``render`` share, and what they ask for."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workshop.cli.options import CLUSTER_OPTION, C
from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from workshop.slurm.job.request import Wishes

# A default of None means: what the cluster's description says.
SLURM_OPTIONS: list[Callable[[C], C]] = [
    CLUSTER_OPTION,
    click.option("--reservation", help="Reservation to run in."),
    click.option("--partition", help="Partition."),
    click.option("--account", help="Account that the job is charged to."),
    click.option("--qos", help="Quality of service."),
    click.option("--constraint", help="Node features to require."),
    click.option("--time", help="Time limit: minutes or HH:MM:SS."),
    click.option("--nodes", type=click.IntRange(1), default=1, help="Number of nodes.  [1]"),
    click.option("--gpus", type=click.IntRange(0), help="Total number of GPUs.  [one per rank]"),
    click.option("--gpus-per-node", type=click.IntRange(0), help="GPUs per node."),
    click.option("--exclusive/--shared", default=None, help="Request whole nodes, or share them."),
    click.option("--exclude", help="Nodes to exclude."),
    click.option("--dependency", help="Dependency in sbatch's syntax: afterany:123."),
    click.option("--after", metavar="JOB", help="Start after this job has succeeded."),
    click.option(
        "--repeat",
        type=click.IntRange(1, 1000),
        default=1,
        help="Submit as a job array of N tasks.",
        metavar="N",
    ),
    click.option(
        "--requeue/--no-requeue",
        default=True,
        help="Requeue the job if it is preempted or a node fails.",
    ),
    click.option(
        "--set",
        "values",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a template value: mem=16G, cpus_per_task=8, or one of your own.",
    ),
    click.option(
        "--output-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path(),
        help="Directory for the log, job-STAGE-JOB.out.  [.]",
    ),
]


def wishes_of(options: dict[str, Any]) -> Wishes:
    """The options that are about Slurm, taken out of ``options``; raises UsageError."""
    from workshop.slurm.job.request import Wishes

    names = {one.name for one in dataclasses.fields(Wishes)}
    taken = {name: options.pop(name) for name in [*options] if name in names}
    after = options.pop("after")
    if after is not None:
        if not re.fullmatch(r"[0-9]+(_[0-9]+)?", after):
            raise UsageError(f"--after {after}: give a job ID, such as 123")
        taken["dependency"] = ",".join(filter(None, [taken["dependency"], f"afterok:{after}"]))
    values = {}
    for text in taken["values"]:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--set {text}: use NAME=VALUE, such as mem=16G")
        values[name] = value
    return Wishes(**{**taken, "values": values, "shell": os.environ})
