"""``workshop doctor``."""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workshop.cli.follow import the_cluster
from workshop.cli.options import RUN_OPTIONS, TECHNIQUE_OPTIONS, with_options
from workshop.cli.reserved import in_reserved_partition
from workshop.cli.slurm_options import SLURM_OPTIONS, wishes_of
from workshop.cli.submit import prepare_all
from workshop.stages import BASELINE, find_stage

if TYPE_CHECKING:
    from workshop.slurm.cluster.description import Cluster
    from workshop.slurm.doctor.finding import Finding
    from workshop.slurm.job.request import Request

MARKS = {"ok": "ok", "warning": "careful", "doubt": "doubtful", "problem": "PROBLEM"}


@click.command()
@click.argument("stage", default=BASELINE)
@with_options(RUN_OPTIONS)
@with_options(TECHNIQUE_OPTIONS)
@with_options(SLURM_OPTIONS)
@click.option("--job", is_flag=True, help="Submit a one-minute job that checks a compute node.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(stage: str, job: bool, as_json: bool, **options: Any) -> None:
    """Look for problems that would stop STAGE from running, and say how to fix each.

    Takes the run and job options of 'workshop submit'. The exit code is 1 if something is sure to
    fail.
    """
    from workshop.slurm.doctor import full_look

    name = find_stage(stage).name
    cluster = the_cluster(options.pop("cluster"))
    wishes = wishes_of(options)
    jobs = prepare_all([name], cluster, wishes, options)
    (prepared,) = in_reserved_partition(jobs, cluster, wishes)
    findings = full_look(prepared.request, cluster)
    if job and not any(finding.level == "problem" for finding in findings):
        findings += on_a_node(prepared.request, cluster)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings]))
    else:
        show(findings, str(cluster.source or cluster.name))
    sys.exit(1 if any(finding.level == "problem" for finding in findings) else 0)


def show(findings: Sequence[Finding], described: str) -> None:
    click.echo(f"By {described}:")
    for finding in findings:
        click.echo(f"{MARKS[finding.level]:>8}  {finding.what}")
        if finding.level != "ok":
            click.echo(f"{'':>8}  Why: {finding.why}.")
        if finding.todo:
            click.echo(f"{'':>8}  Do: {finding.todo}.")


def on_a_node(request: Request, cluster: Cluster) -> list[Finding]:
    """What a small job finds, on a node of the kind that the stage asks for."""
    from workshop.slurm import runs
    from workshop.slurm.doctor.probe import send

    where = runs.root(cluster.paths.runs_directory)
    where.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="doctor-", dir=where) as folder:
        return send(request, cluster, Path(folder), lambda text: click.echo(text, err=True))
