"""What a reservation changes about a job before it is submitted."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from workshop.slurm.cluster.description import Cluster
    from workshop.slurm.job.prepared import PreparedJob
    from workshop.slurm.job.request import Wishes


def without_expired(cluster: Cluster, wishes: Wishes) -> Wishes:
    """The wishes without those of its reservations that are over, with a notice for each."""
    from workshop.slurm.doctor.expired import expired
    from workshop.slurm.doctor.reservation import named

    shell = wishes.shell.get("SBATCH_RESERVATION")
    name = wishes.reservation or cluster.slurm.reservation or shell
    gone = expired(name) if name else []
    if name is None or not gone:
        return wishes
    left = ",".join(one for one in named(name) if one not in gone)
    for one in gone:
        rest = f", and with {left}" if left else ""
        click.echo(f"Notice: the reservation {one} is over: submitting without it{rest}.", err=True)
    return dataclasses.replace(wishes, reservation=left)


def in_reserved_partition(
    jobs: Sequence[PreparedJob], cluster: Cluster, wishes: Wishes
) -> list[PreparedJob]:
    """The jobs, in the partition of their reservation where nobody asked for another.

    The description's partition stays where it has some of the reserved nodes.
    """
    from workshop.slurm.doctor import partition_of

    request = jobs[0].request
    described = wishes.partition is None and request.partition == cluster.slurm.partition
    if not described or request.partition is None or request.reservation is None:
        return list(jobs)
    place = partition_of(request.reservation, request.partition)
    if place is None:
        return list(jobs)
    click.echo(
        f"Notice: the reservation {request.reservation} is on the partition {place}: using "
        f"--partition {place} in place of the description's {request.partition}.",
        err=True,
    )
    return [
        dataclasses.replace(job, request=dataclasses.replace(job.request, partition=place))
        for job in jobs
    ]
