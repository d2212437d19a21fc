"""Ask Slurm what there is to describe: the description of the cluster where this runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workshop.slurm import times
from workshop.slurm.cluster.description import (
    Cluster,
    Environment,
    GpuRequest,
    Gpus,
    Paths,
    Scheduling,
)
from workshop.slurm.cluster.toml import comment, dumps, flat
from workshop.slurm.facts import inventory
from workshop.slurm.facts.access import Run, User, has_accounting, who
from workshop.slurm.facts.ask import NoAnswerError, ask, records
from workshop.slurm.facts.inventory import Nodes, Partition, Reservation

CLASS_SECONDS = 3600
CACHE = "/tmp/workshop-$USER"
PART_OF_GPU = re.compile(r"\d+g\.\d+gb")  # MIG: 1g.5gb is a seventh of an A100


@dataclass(frozen=True)
class Detected:
    """A description, and why it is what it is.

    Attributes:
        origins: where each value comes from, by dotted key.
        notes: what else an instructor would want to know.
    """

    cluster: Cluster
    origins: dict[str, str]
    notes: tuple[str, ...]


def detect(run: Run = ask) -> Detected:
    """The cluster as Slurm describes it to this user.

    Raises:
        NoAnswerError: there is no Slurm here, or it does not answer.
    """
    config = inventory.settings(run(["scontrol", "show", "config"]))
    partitions = inventory.partitions(run(["scontrol", "--oneliner", "show", "partition"]))
    nodes = inventory.nodes(run(inventory.SINFO))
    user = who(run, config)

    ranked = best_first([one for one in partitions if user.may_use(one)], nodes)
    chosen = ranked[0] if ranked else None
    gpus, why_gpus, notes = describe_gpus(chosen, nodes, config)
    scheduling, why, more = describe_jobs(run, user, chosen, nodes, gpus)
    if has_accounting(config) and not user.accounts:
        notes.append(f"sacctmgr shows no account of {user.name}: jobs may be refused without one.")
    module_system = has_modules(run)
    name = config.get("ClusterName", "") or "cluster"
    cluster = Cluster(
        name=name,
        description=f"{name}, as Slurm described it to {user.name}",
        slurm=scheduling,
        gpus=gpus,
        environment=Environment(),
        paths=Paths(cache=CACHE),
    )
    origins = {
        "name": "scontrol show config: ClusterName",
        **{f"slurm.{key}": origin for key, origin in why.items()},
        **{f"gpus.{key}": origin for key, origin in why_gpus.items()},
        "environment.modules": "a module system is here: see 'module avail'"
        if module_system
        else "no module system was found",
        "paths.cache": "each user's own; /tmp is the node's own on most clusters",
    }
    other = list_others([one for one in ranked[1:] if total(one, nodes)], nodes)
    return Detected(cluster, origins, (*notes, *more, *other))


def text(detected: Detected) -> str:
    """The description as TOML: a comment beside each value, and the notes at the top."""
    head = [
        "Written by 'workshop cluster detect' from what Slurm says of itself. Check it, and fill",
        "in what Slurm does not know: modules, setup, the directory of the checkpoints.",
        *(["", *detected.notes] if detected.notes else []),
    ]
    defaults = dict.fromkeys(flat(detected.cluster), "workshop's default")
    body = dumps(detected.cluster, {**defaults, "description": "", **detected.origins})
    return "\n".join(map(comment, head)) + "\n\n" + body


def total(partition: Partition, nodes: list[Nodes]) -> int:
    """GPUs of a partition; parts of GPUs count for nothing where there are whole ones."""
    kinds = by_type(partition, nodes)
    whole = {kind: of for kind, of in kinds.items() if not PART_OF_GPU.search(kind)}
    return sum(one.count * one.gpus[kind] for kind, of in (whole or kinds).items() for one in of)


def by_type(partition: Partition, nodes: list[Nodes]) -> dict[str, list[Nodes]]:
    """The nodes of a partition that have GPUs, for each type of GPU."""
    found: dict[str, list[Nodes]] = {}
    for one in nodes:
        for kind in one.gpus if one.partition == partition.name else ():
            found.setdefault(kind, []).append(one)
    return found


def best_first(partitions: list[Partition], nodes: list[Nodes]) -> list[Partition]:
    """Those with GPUs first, of these the default one first, of the rest those with most GPUs."""

    def rank(partition: Partition) -> tuple[bool, bool, int]:
        gpus = total(partition, nodes)
        return (not gpus, not partition.default, -gpus)

    return sorted(partitions, key=rank)


def describe_gpus(
    partition: Partition | None, nodes: list[Nodes], config: dict[str, str]
) -> tuple[Gpus, dict[str, str], list[str]]:
    """How to ask for GPUs, where each value comes from, and notes."""
    kinds = by_type(partition, nodes) if partition else {}
    if not kinds:
        reason = "sinfo shows no GPUs that you may use" if partition else "no partition is yours"
        return Gpus(request="none"), {"request": reason}, [f"Without GPUs: {reason}."]
    kind, group = most(kinds)
    select = " ".join((config.get("SelectType", ""), config.get("SelectTypeParameters", "")))
    request: GpuRequest = "gpus" if "cons_tres" in select.lower() else "gres"
    gpus = Gpus(request, (kind or None) if len(kinds) > 1 else None, group.gpus[kind])
    gres = f"gpu:{kind}:{gpus.per_node}" if kind else f"gpu:{gpus.per_node}"
    origins = {
        "request": f"scontrol show config: {config.get('SelectType', 'no SelectType')}",
        "per_node": f"sinfo: {gres}, nodes like this: {group.count}",
    }
    if gpus.type:
        types = ", ".join(name or "untyped" for name in kinds)
        origins["type"] = f"sinfo: the most frequent of {types}"
    return gpus, origins, []


def most(kinds: dict[str, list[Nodes]]) -> tuple[str, Nodes]:
    """The type of which there are most, a named one and whole GPUs first, and the nodes with most.

    Where nodes have different numbers of it, the nodes are those that have most of them together.
    """

    def rank(kind: str) -> tuple[bool, bool, int]:
        whole = not PART_OF_GPU.search(kind)
        return bool(kind), whole, sum(one.count * one.gpus[kind] for one in kinds[kind])

    kind = max(kinds, key=rank)
    return kind, max(kinds[kind], key=lambda one: one.count * one.gpus[kind])


def describe_jobs(
    run: Run, user: User, partition: Partition | None, nodes: list[Nodes], gpus: Gpus
) -> tuple[Scheduling, dict[str, str], list[str]]:
    """What a job asks for, where each value comes from, and notes."""
    if partition is None:
        return Scheduling(), {}, []
    longest = partition.longest
    time = min(CLASS_SECONDS, longest) if longest else CLASS_SECONDS
    allowed = times.clock(longest) if longest else "any time"
    origins = {
        "partition": "the default one"
        if partition.default
        else f"the one with most GPUs that {user.name} may use",
        "time": f"for a lesson; the partition allows {allowed}",
    }
    notes = []
    account = user.account(partition)
    if account:
        kind = "the default" if account == user.default else "one"
        origins["account"] = f"sacctmgr: {kind} of {user.name}"
    cpus = processors(run, most(by_type(partition, nodes))[1]) if gpus.per_node else None
    if cpus and gpus.per_node:
        origins["cpus_per_task"] = f"scontrol show node: {cpus} cores for {gpus.per_node} GPUs"
        cpus = max(1, cpus // gpus.per_node)
    reservation, reservation_notes = find_reservation(run, user, partition)
    if reservation:
        origins["reservation"] = f"scontrol show reservation: yours, until {reservation.end}"
    if partition.memory:
        notes.append(
            f"A job that does not ask for memory has {partition.memory} MB: see slurm.mem."
        )
    scheduling = Scheduling(
        partition=partition.name,
        account=account,
        reservation=reservation.name if reservation else None,
        time=times.clock(time),
        cpus_per_task=cpus,
    )
    return scheduling, origins, notes + reservation_notes


def processors(run: Run, nodes: Nodes) -> int | None:
    """Cores that jobs may have on the first of the nodes."""
    hosts = run(["scontrol", "show", "hostnames", nodes.names]).split()
    shown = run(["scontrol", "--oneliner", "show", "node", hosts[0]]) if hosts else ""
    found = records(shown)
    return inventory.cores(found[0]) or None if found else None


def find_reservation(
    run: Run, user: User, partition: Partition
) -> tuple[Reservation | None, list[str]]:
    """The user's own, with nodes of the partition, that is active now; of others a note."""
    shown = run(["scontrol", "--oneliner", "show", "reservation"])
    account = user.account(partition)
    mine = [
        one
        for one in inventory.reservations(shown)
        if user.is_for(one, account) and not one.maintenance
    ]
    notes = []
    found = None
    for one in mine:
        if not one.active:
            notes.append(f"The reservation {one.name} is yours, but not before {one.start}.")
        elif not within(run, one, partition):
            notes.append(f"The reservation {one.name} is yours, on nodes of another partition.")
        elif found:
            notes.append(f"The reservation {one.name} is yours too.")
        else:
            found = one
    return found, notes


def within(run: Run, reservation: Reservation, partition: Partition) -> bool:
    """Some of the reserved nodes are the partition's and have GPUs, if any has."""
    if reservation.partition not in (None, partition.name):
        return False
    if not reservation.nodes:
        return True
    places = [f"--partition={partition.name}", f"--nodes={reservation.nodes}"]
    return any(one.gpus for one in inventory.nodes(run([*inventory.SINFO, *places])))


def list_others(partitions: list[Partition], nodes: list[Nodes]) -> list[str]:
    """A line for each further partition with GPUs."""
    return [
        f"Another partition with GPUs: {one.name}, {total(one, nodes)} of "
        f"{', '.join(kind or 'no named type' for kind in by_type(one, nodes))}."
        for one in partitions
    ]


def has_modules(run: Run) -> bool:
    """A login shell has the command ``module``."""
    try:
        lines = run(["bash", "-lc", "type -t module"]).split()
    except NoAnswerError:
        return False
    return lines[-1:] in (["function"], ["alias"], ["file"])
