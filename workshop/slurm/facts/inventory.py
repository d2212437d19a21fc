"""What Slurm prints about itself -> partitions, nodes and reservations."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workshop.slurm import times
from workshop.slurm.facts.ask import records

SINFO = ["sinfo", "--noheader", "--exact", "--format=%R|%D|%G|%N"]

SETTING = re.compile(r"(\w+)\s+= ?(.*)")
NOTHING = ("", "(null)", "N/A", "NONE")


@dataclass(frozen=True)
class Partition:
    """A queue, and who may use it.

    Attributes:
        longest: seconds; None is without limit.
        accounts: those that may use it; None is all of them.
        refused: accounts that may not, though all others may.
        groups: of users that may use it; None is all of them.
        memory: what a job gets that does not ask, as Slurm puts it: DefMemPerCPU=100.
        qos: the partition's own QOS, which may lift its limits.
    """

    name: str
    default: bool
    up: bool
    longest: int | None
    accounts: tuple[str, ...] | None
    refused: tuple[str, ...]
    groups: tuple[str, ...] | None
    memory: str | None
    qos: str | None


@dataclass(frozen=True)
class Nodes:
    """Nodes of a partition that have the same GPUs.

    Attributes:
        gpus: how many of each type a node has; '' is a GPU without a type.
        names: in Slurm's short form: sim[01-05].
    """

    partition: str
    count: int
    gpus: dict[str, int]
    names: str


@dataclass(frozen=True)
class Reservation:
    """Nodes set aside.

    Attributes:
        partition: None where it has no partition of its own.
        users, accounts, groups: for whom; a name with a - in front is kept out.
        count: how many nodes.
        flexible: its jobs may use nodes outside of it.
    """

    name: str
    active: bool
    start: str
    end: str
    nodes: str
    partition: str | None
    users: tuple[str, ...]
    accounts: tuple[str, ...]
    groups: tuple[str, ...]
    maintenance: bool
    count: int = 0
    flexible: bool = False


def settings(text: str) -> dict[str, str]:
    """``scontrol show config``, by name."""
    found = (SETTING.fullmatch(line.strip()) for line in text.splitlines())
    return {match[1]: match[2].strip() for match in found if match}


def partitions(text: str) -> list[Partition]:
    """``scontrol --oneliner show partition``; those for root alone are left out."""
    return [
        Partition(
            name=one["PartitionName"],
            default=one.get("Default") == "YES",
            up=one.get("State") == "UP",
            longest=times.seconds(one.get("MaxTime", "")),
            accounts=_all_or(one.get("AllowAccounts", "ALL")),
            refused=_names(one.get("DenyAccounts", "")),
            groups=_all_or(one.get("AllowGroups", "ALL")),
            memory=_memory(one),
            qos=None if one.get("QoS", "") in NOTHING else one["QoS"],
        )
        for one in records(text)
        if "PartitionName" in one and one.get("RootOnly") != "YES"
    ]


def nodes(text: str) -> list[Nodes]:
    """What ``SINFO`` prints, one line for nodes that are alike."""
    lines = [line.split("|") for line in text.splitlines() if line.count("|") == 3]
    return [
        Nodes(partition.strip(), int(count), gpus(gres), names.strip())
        for partition, count, gres, names in lines
    ]


def gpus(gres: str) -> dict[str, int]:
    """GPUs of each type in a node's generic resources: gpu:a100:4(S:0-1),shard:8."""
    found: dict[str, int] = {}
    for resource in re.sub(r"\([^)]*\)", "", gres).split(","):
        name, *rest = resource.strip().split(":")
        if name != "gpu":
            continue
        count = int(rest.pop()) if rest and rest[-1].isdecimal() else 1
        kind = next((word for word in rest if word != "no_consume"), "")
        found[kind] = found.get(kind, 0) + count
    return {kind: count for kind, count in found.items() if count}


def reservations(text: str) -> list[Reservation]:
    """``scontrol --oneliner show reservation``; there may be none."""
    return [
        Reservation(
            name=one["ReservationName"],
            active=one.get("State") == "ACTIVE",
            start=one.get("StartTime", ""),
            end=one.get("EndTime", ""),
            nodes="" if one.get("Nodes") in NOTHING else one.get("Nodes", ""),
            partition=None if one.get("PartitionName", "") in NOTHING else one["PartitionName"],
            users=_names(one.get("Users", "")),
            accounts=_names(one.get("Accounts", "")),
            groups=_names(one.get("Groups", "")),
            maintenance="MAINT" in one.get("Flags", "").split(","),
            count=int(one["NodeCnt"]) if one.get("NodeCnt", "").isdecimal() else 0,
            flexible="FLEX" in one.get("Flags", "").split(","),
        )
        for one in records(text)
        if "ReservationName" in one
    ]


def cores(node: dict[str, str]) -> int:
    """Processors of a node that jobs may have, one for each core; 0 where Slurm does not say.

    Two threads of a core are two processors to Slurm on some clusters, and one on others. A core
    for each can always be had.
    """

    def count(name: str) -> int:
        return int(node[name]) if node.get(name, "").isdecimal() else 0

    usable = count("CPUEfctv") or count("CPUTot")  # the first since Slurm 22.05
    physical = count("Sockets") * count("CoresPerSocket") - count("CoreSpecCount")
    return min(usable, physical) if physical > 0 else usable


def _names(text: str) -> tuple[str, ...]:
    return () if text in NOTHING else tuple(text.split(","))


def _all_or(text: str) -> tuple[str, ...] | None:
    return None if text == "ALL" else _names(text)


def _memory(partition: dict[str, str]) -> str | None:
    for name in ("DefMemPerCPU", "DefMemPerGPU", "DefMemPerNode"):
        if partition.get(name, "").isdecimal():
            return f"{name}={partition[name]}"
    return None
