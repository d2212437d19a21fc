"""What sbatch says when it refuses a job, in a participant's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from workshop.slurm.job.request import Request


class SubmitError(RuntimeError):
    """A job that Slurm did not take: one sentence, with what to do next."""


@dataclass(frozen=True)
class Rule:
    """A refusal: how sbatch spells it, and what to tell."""

    pattern: str
    sentence: Callable[[Request], str]


RULES = (
    Rule(
        r"Invalid partition|invalid partition",
        lambda r: (
            (
                f"there is no partition {r.partition!r} here"
                if r.partition
                else "this Slurm has no default partition"
            )
            + ": 'sinfo -s' lists them; name one with --partition"
        ),
    ),
    Rule(
        r"Requested reservation is invalid",
        lambda r: (
            f"the reservation {r.reservation!r} is not there, or has expired: "
            "'scontrol show reservation' lists the existing ones; "
            "leave --reservation out to wait in the ordinary queue"
        ),
    ),
    Rule(
        r"Access denied to requested reservation|Access/permission denied to reservation",
        lambda r: (
            f"the reservation {r.reservation!r} is not for you, or not for this account or "
            "partition: ask your instructor to add you, or try another --account"
        ),
    ),
    Rule(
        r"Invalid account or account/partition combination",
        lambda r: (
            (f"the account {r.account!r} is not yours" if r.account else "no account was given")
            + ", or may not use this partition: 'sacctmgr show associations user=$USER "
            "format=account,partition,qos' lists yours; name one with --account"
        ),
    ),
    Rule(
        r"Invalid qos",
        lambda r: (
            f"the QOS {r.qos!r} is not there, or not for this account: 'sacctmgr show "
            "associations user=$USER format=account,qos' lists yours; name one with --qos"
        ),
    ),
    Rule(
        r"Invalid feature specification",
        lambda r: (
            f"no node has the feature {r.constraint!r}: 'sinfo -o \"%n %f\"' lists them; "
            "change --constraint"
        ),
    ),
    Rule(
        r"Invalid node name",
        lambda r: (
            f"--exclude {r.exclude} names a node that is not there: 'sinfo -N' lists the nodes"
        ),
    ),
    Rule(
        r"--gpus < -N|Failed to validate job spec",
        lambda r: (
            f"{r.nodes} nodes were asked for and fewer GPUs: "
            "a job needs one for each node at least; use --gpus-per-node"
        ),
    ),
    Rule(
        r"Requested time limit is invalid",
        lambda r: (
            f"{r.time_limit} is more time than this partition gives: "
            "'sinfo -o \"%R %l\"' tells its limit; use a shorter --time"
        ),
    ),
    Rule(
        r"Node count specification invalid|More processors requested than permitted"
        r"|Requested node configuration is not available|Invalid generic resource",
        lambda r: (
            f"no node has what was asked for: {needs(r)}. 'sinfo -N -o \"%N %c %m %G %T\"' tells "
            "what they have; ask for less, or for another --partition"
            + ("; and see that --exclude leaves a node over" if r.exclude else "")
        ),
    ),
    Rule(
        r"Job violates accounting/QOS policy",
        lambda r: (
            "your account's limits do not allow it (jobs at a time, time, or GPUs): "
            "wait for a job of yours to end, or ask for less"
        ),
    ),
    Rule(
        r"Job dependency problem",
        lambda r: (
            f"it cannot wait for {r.dependency!r}: there is no such job any more; "
            "'workshop status' lists yours"
        ),
    ),
    Rule(
        r"Unable to contact slurm controller|Connection refused|Socket timed out"
        r"|Zero Bytes were transmitted",
        lambda r: (
            "Slurm's controller does not answer: wait a minute and try again, then ask the "
            "cluster's support ('scontrol ping' shows it)"
        ),
    ),
    Rule(
        r"Unable to process configuration file|Could not establish a configuration source",
        lambda r: (
            "Slurm's configuration is not found here: log in to the cluster's login node, or set "
            "SLURM_CONF"
        ),
    ),
    Rule(
        r"Memory specification can not be satisfied",
        lambda r: f"no node has {r.mem} of memory: ask for less with --set mem=...",
    ),
    Rule(
        r"No space left on device|Disk quota exceeded",
        lambda r: "the disk is full: free some space, then submit again",
    ),
)


def needs(request: Request) -> str:
    """What a job asks of its nodes, for a sentence."""
    parts = [f"{request.nodes} node{'s' if request.nodes > 1 else ''}"]
    if request.gpu_option:
        parts.append(f"with --{request.gpu_option}={request.gpu_value}")
    if request.cpus_per_task:
        parts.append(f"{request.tasks_per_node} x {request.cpus_per_task} processors on each")
    if request.mem:
        parts.append(f"{request.mem} of memory")
    if request.exclude:
        parts.append(f"without {request.exclude}")
    return ", ".join(parts)


def explain(text: str, request: Request) -> str:
    """One sentence for what sbatch wrote; its own words where they are not known."""
    for rule in RULES:
        if re.search(rule.pattern, text):
            return f"Slurm did not take the job: {rule.sentence(request)}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else "it gave no reason"
    return f"Slurm did not take the job: {last.removeprefix('sbatch: ').removeprefix('error: ')}"
