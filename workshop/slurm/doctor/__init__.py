"""What can be known before a job is submitted: each finding says what, why, and what to type.

Only what is sure never to run is a problem. What may be hidden from us (a reservation, an account)
is a doubt: Slurm decides, and if it refuses, the doubt tells why.
"""

from __future__ import annotations

from workshop.slurm.cluster.description import Cluster
from workshop.slurm.doctor.account import about_account
from workshop.slurm.doctor.directories import about_directories
from workshop.slurm.doctor.finding import Finding
from workshop.slurm.doctor.partition import about_gpus, about_partition
from workshop.slurm.doctor.reservation import about_reservation, reservations
from workshop.slurm.facts import inventory
from workshop.slurm.facts.ask import NoAnswerError, ask
from workshop.slurm.job.request import Request

PARTITIONS = ["scontrol", "--oneliner", "show", "partition"]


def quick_look(request: Request, cluster: Cluster) -> list[Finding]:
    """The cheap part, before every submission: two or three questions to Slurm."""
    try:
        partitions = inventory.partitions(ask(PARTITIONS))
    except NoAnswerError as error:
        return [no_slurm(error)]
    findings = about_partition(request, partitions)
    if request.reservation:
        findings += about_reservation(request, reservations())
    return findings


def full_look(request: Request, cluster: Cluster) -> list[Finding]:
    """Everything that can be looked at from the login node."""
    try:
        version = ask(["sbatch", "--version"]).strip()
        partitions = inventory.partitions(ask(PARTITIONS))
    except NoAnswerError as error:
        return [no_slurm(error)]
    why = "everything else is asked of it"
    findings = [Finding("ok", f"{version} is here, and its controller answers", why)]
    findings += about_partition(request, partitions)
    findings += about_gpus(request)
    if request.reservation:
        findings += about_reservation(request, reservations())
    findings += about_account(request)
    findings += about_directories(request, cluster)
    return findings


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
