"""What Slurm prints about itself -> partitions, nodes and reservations."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workshop.slurm import times
from workshop.slurm.facts.ask import records

SINFO = ["sinfo", "--noheader", "--exact", "--format=%R|%D|%G|%N"]

SETTING = re.compile(r"(\w+)\s+= ?(.*)")
NOTHING = ("", "(null)", "N/A", "NONE")
# MIG: 1g.5gb is a seventh of an A100; nvidia-smi and Slurm's autodetection add to it: a100_1g.5gb.
PART_OF_GPU = re.compile(r"\d+g\.\d+gb", re.IGNORECASE)


@dataclass(frozen=True)
class Partition:
    """A queue, who may use it, and what a job may ask for there.

    Attributes:
        up: takes jobs and starts them.
        longest: seconds; None is without limit.
        accounts: those that may use it; None is all of them.
        refused: accounts that may not, though all others may.
        groups: of users that may use it; None is all of them.
        memory: MB that a job gets which asks for GPUs and not for memory: DefMemPerCPU=100.
        qos: the partition's own QOS, which may lift its limits.
        job_qos: QOS whose jobs may use it; None is all of them.
        refused_qos: QOS whose jobs may not, though all others may.
        hosts: from which jobs may be submitted, in Slurm's short form; None is all of them.
        reserved_only: takes only jobs that use a reservation.
        no_root: root may not use it.
        whole_nodes: every job gets whole nodes, and is charged for them.
        fewest, most: nodes of a job; None is without limit.
        cpus_per_node, cpus_per_socket: most processors of a job; None is without limit.
        closed: refuses new jobs, as opposed to keeping them waiting.
        nodes: in Slurm's short form; '' where it has none.
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
    job_qos: tuple[str, ...] | None = None
    refused_qos: tuple[str, ...] = ()
    hosts: str | None = None
    reserved_only: bool = False
    no_root: bool = False
    whole_nodes: bool = False
    fewest: int = 0
    most: int | None = None
    cpus_per_node: int | None = None
    cpus_per_socket: int | None = None
    closed: bool = False
    nodes: str = ""

    def takes_qos(self, name: str) -> bool:
        """Whether a job with that QOS may use it."""
        return (self.job_qos is None or name in self.job_qos) and name not in self.refused_qos


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
        nodes: in Slurm's short form; '' where it has none yet, or none of its own.
        partition: None where it has no partition of its own.
        users, accounts, groups: for whom; a name with a - in front is kept out.
        count: how many nodes.
        flexible: its jobs may use nodes outside of it, and start before it does.
        qos, partitions: jobs of which QOS and partitions may use it, from Slurm 25.11 on; likewise.
        flags: DAILY, ANY_NODES and so on.
        cpus: processors; None where Slurm does not say.
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
    qos: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    cpus: int | None = None

    @property
    def for_no_job(self) -> bool:
        """For maintenance, or always in the future."""
        return self.maintenance or "TIME_FLOAT" in self.flags

    @property
    def repeats(self) -> bool:
        """Starts again after it has ended: DAILY, WEEKDAY and so on."""
        return bool(self.flags & {"HOURLY", "DAILY", "WEEKDAY", "WEEKEND", "WEEKLY"})


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
            job_qos=_all_or(one.get("AllowQos", "ALL")),
            refused_qos=_names(one.get("DenyQos", "")),
            hosts=None if one.get("AllocNodes", "ALL") == "ALL" else one["AllocNodes"],
            reserved_only=one.get("ReqResv") == "YES",
            no_root=one.get("DisableRootJobs") == "YES",
            # The first up to Slurm 26.05, the second from 26.11 on.
            whole_nodes=one.get("OverSubscribe") == "EXCLUSIVE"
            or one.get("Exclusive") in ("NODE", "TOPO"),
            fewest=_count(one.get("MinNodes")) or 0,
            most=_count(one.get("MaxNodes")),
            cpus_per_node=_count(one.get("MaxCPUsPerNode")),
            cpus_per_socket=_count(one.get("MaxCPUsPerSocket")),
            closed=one.get("State") in ("DRAIN", "INACTIVE"),
            nodes="" if one.get("Nodes", "") in NOTHING else one["Nodes"],
        )
        for one in records(text)
        if "PartitionName" in one and one.get("RootOnly") != "YES"
    ]


def nodes(text: str) -> list[Nodes]:
    """What ``SINFO`` prints, one row for nodes that are alike; other text is passed over."""
    found = []
    for partition, number, gres, names in (
        line.split("|") for line in text.splitlines() if line.count("|") == 3
    ):
        count = _count(number.strip())
        if count is not None and partition.strip():
            found.append(Nodes(partition.strip(), count, gpus(gres), names.strip()))
    return found


def gpus(gres: str) -> dict[str, int]:
    """GPUs of each type in a node's generic resources: gpu:a100:4(S:0-1),shard:8."""
    found: dict[str, int] = {}
    for resource in re.sub(r"\([^)]*\)", "", gres).split(","):
        name, *rest = resource.strip().split(":")
        if name != "gpu":
            continue
        count = _count(rest[-1]) if rest else None
        if count is not None:
            rest.pop()
        kind = next((word for word in rest if word != "no_consume"), "")
        found[kind] = found.get(kind, 0) + (1 if count is None else count)
    return {kind: count for kind, count in found.items() if count}


def whole(kinds: dict[str, int]) -> dict[str, int]:
    """Of the types of GPU on a node, those that are no parts of one."""
    return {kind: count for kind, count in kinds.items() if not PART_OF_GPU.search(kind)}


NO_RESERVATIONS = "No reservations in the system"


def all_reservations(text: str) -> list[Reservation] | None:
    """Like ``reservations``; None where the text neither shows any nor says that there are none."""
    found = reservations(text)
    return found if found or NO_RESERVATIONS in text else None


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
            maintenance="MAINT" in _names(one.get("Flags", "")),
            count=_count(one.get("NodeCnt")) or 0,
            flexible="FLEX" in _names(one.get("Flags", "")),
            qos=_names(one.get("QOS", "")),
            partitions=_names(one.get("AllowedPartitions", "")),
            flags=frozenset(_names(one.get("Flags", ""))),
            cpus=_count(dict(_pairs(one.get("TRES", ""))).get("cpu")),
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
        return _count(node.get(name)) or 0

    usable = count("CPUEfctv") or count("CPUTot")  # the first since Slurm 22.05
    physical = count("Sockets") * count("CoresPerSocket") - count("CoreSpecCount")
    return min(usable, physical) if physical > 0 else usable


def sockets(node: dict[str, str]) -> int:
    """Sockets of a node; 1 where Slurm does not say."""
    return _count(node.get("Sockets")) or 1


def _count(text: str | None) -> int | None:
    """A whole number; None for UNLIMITED, N/A and what is not there."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None


def _pairs(text: str) -> list[tuple[str, str]]:
    """cpu=96,gres/gpu=4 as names and values."""
    return [(name, value) for name, _, value in (part.partition("=") for part in _names(text))]


def _names(text: str) -> tuple[str, ...]:
    return () if text in NOTHING else tuple(filter(None, text.split(",")))


def _all_or(text: str) -> tuple[str, ...] | None:
    return None if text == "ALL" or text in NOTHING else _names(text)


def _memory(partition: dict[str, str]) -> str | None:
    """For each GPU before for each processor: Slurm takes that for jobs that ask for GPUs."""
    values = partition | dict(_pairs(partition.get("JobDefaults", "")))
    for name in ("DefMemPerGPU", "DefMemPerCPU", "DefMemPerNode"):
        if values.get(name, "").isdecimal():
            return f"{name}={values[name]}"
    return None
