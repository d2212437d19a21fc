"""What can be known before a job is submitted: each finding says what, why, and what to type.

Only what is sure never to run is a problem. What may be hidden from us (a partition, an account)
is a doubt: Slurm decides, and if it refuses, the doubt tells why.
"""

from __future__ import annotations

import dataclasses

from workshop.slurm.cluster.description import Cluster
from workshop.slurm.doctor.account import about_account
from workshop.slurm.doctor.directories import about_directories
from workshop.slurm.doctor.finding import Finding
from workshop.slurm.doctor.gpus import about_gpus
from workshop.slurm.doctor.partition import about_partition, about_whole_nodes, chosen
from workshop.slurm.doctor.reservation import (
    about_reservation,
    not_shown,
    partition_instead,
    placed,
    reservations,
)
from workshop.slurm.facts import inventory
from workshop.slurm.facts.access import User, who
from workshop.slurm.facts.ask import NoAnswerError, ask
from workshop.slurm.facts.inventory import Partition
from workshop.slurm.job.request import Request

PARTITIONS = ["scontrol", "--oneliner", "show", "partition"]
CONFIG = ["scontrol", "show", "config"]


def quick_look(request: Request, cluster: Cluster) -> list[Finding]:
    """The cheap part, before every submission: two or three questions to Slurm."""
    try:
        partitions = inventory.partitions(ask(PARTITIONS))
    except NoAnswerError as error:
        return [no_slurm(error)]
    return [as_doubt(one) for one in about_request(request, partitions)]


def as_doubt(finding: Finding) -> Finding:
    """What Slurm refuses itself is a doubt before a submission: its own reason comes first."""
    return dataclasses.replace(finding, level="doubt") if finding.refused else finding


def full_look(request: Request, cluster: Cluster) -> list[Finding]:
    """Everything that can be looked at from the login node."""
    try:
        version = ask(["sbatch", "--version"]).strip()
        partitions = inventory.partitions(ask(PARTITIONS))
    except NoAnswerError as error:
        return [no_slurm(error)]
    why = "everything else is asked of it"
    me = asking_user()
    return [
        Finding("ok", f"{version} is here, and its controller answers", why),
        *about_request(request, partitions, me),
        *about_whole_nodes(request, partitions),
        *about_account(request, me),
        *about_directories(request, cluster),
    ]


def about_request(
    request: Request, partitions: list[Partition], me: User | None = None
) -> list[Finding]:
    """Partition, GPUs and reservation: what Slurm would refuse, or never start."""
    there = reservations() if request.reservation else None
    request = placed(request, there)
    place = next((one.name for one in chosen(request, partitions)), None)
    findings = about_partition(request, partitions, me) + about_gpus(request, place)
    if request.reservation and there is None:
        findings.append(not_shown(request))
    elif request.reservation:
        findings += about_reservation(request, there, partitions, me)
    return findings


def partition_of(reservation: str, partition: str) -> str | None:
    """The reservation's own partition, where a job in ``partition`` cannot use the reservation.

    Returns:
        None where the partition is fine, where the reservation has none of its own, or where
        Slurm does not answer.
    """
    try:
        partitions = inventory.partitions(ask(PARTITIONS))
    except NoAnswerError:
        return None
    return partition_instead(reservation, partition, reservations() or [], partitions)


def asking_user() -> User | None:
    """Who asks, and what is theirs; None where Slurm does not answer."""
    try:
        return who(ask, inventory.settings(ask(CONFIG)))
    except NoAnswerError:
        return None


def no_slurm(error: NoAnswerError) -> Finding:
    text = str(error)
    why = "jobs are submitted to it"
    if "there is no" in text:
        todo = (
            "log in to the cluster, or use --executor local; 'workshop sandbox shell' starts a "
            "small Slurm to rehearse on"
        )
        return Finding("problem", "there is no Slurm on this machine", why, todo)
    if "configuration" in text or "config" in text:
        return Finding(
            "problem",
            "Slurm's configuration is not found here",
            why,
            "log in to the cluster's login node, or set SLURM_CONF",
        )
    return Finding(
        "problem",
        f"Slurm's controller does not answer ({text})",
        why,
        "wait a minute and try again, then ask the centre's support; 'scontrol ping' shows it",
    )
