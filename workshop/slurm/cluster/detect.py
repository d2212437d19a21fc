"""Ask Slurm what there is to describe: the description of the cluster where this runs."""

from __future__ import annotations

from dataclasses import dataclass

from workshop.slurm import times
from workshop.slurm.cluster.description import Cluster, Environment, Gpus, Paths, Scheduling
from workshop.slurm.cluster.detect_gpus import (
    best_first,
    by_type,
    describe_gpus,
    list_others,
    most,
    total,
)
from workshop.slurm.cluster.toml import comment, dumps, flat
from workshop.slurm.facts import hostlist, inventory
from workshop.slurm.facts.access import Run, User, has_accounting, permits, who
from workshop.slurm.facts.ask import NoAnswerError, ask, records
from workshop.slurm.facts.inventory import Nodes, Partition, Reservation

CLASS_SECONDS = 3600
CACHE = "/tmp/workshop-$USER"


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
    reservations, why_none = reservations_of(run)
    usable = [
        one for one in partitions if user.may_use(one) and has_room(run, user, one, reservations)
    ]

    ranked = best_first(usable, nodes, user)
    chosen = ranked[0] if ranked else None
    gpus, why_gpus, notes = describe_gpus(chosen, nodes, config)
    scheduling, why, more = describe_jobs(run, user, chosen, nodes, gpus, reservations)
    notes += why_none
    if user.silence:
        notes.append(
            f"sacctmgr did not answer ({user.silence}): accounts and QOS are not known, and no "
            "partition that is for some QOS was chosen."
        )
    elif has_accounting(config) and not user.accounts:
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


def reservations_of(run: Run) -> tuple[list[Reservation], list[str]]:
    """The reservations, and a note where Slurm does not show them."""
    try:
        found = inventory.all_reservations(run(["scontrol", "--oneliner", "show", "reservation"]))
    except NoAnswerError as error:
        return [], [f"Slurm did not show its reservations ({error}): see slurm.reservation."]
    if found is None:
        return [], ["Slurm did not say whether there are reservations: see slurm.reservation."]
    return found, []


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


def has_room(run: Run, user: User, partition: Partition, reservations: list[Reservation]) -> bool:
    """Takes a job of one node; where it needs a reservation, the user has one."""
    if partition.fewest > 1:
        return False
    if not partition.reserved_only:
        return True
    return find_reservation(run, user, partition, reservations)[0] is not None


def describe_jobs(
    run: Run,
    user: User,
    partition: Partition | None,
    nodes: list[Nodes],
    gpus: Gpus,
    reservations: list[Reservation],
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
    account = user.account(partition)
    if account:
        kind = "the default" if account == user.default else "one"
        origins["account"] = f"sacctmgr: {kind} of {user.name}"
    cpus, origin = share_of_processors(run, partition, nodes, gpus)
    if origin:
        origins["cpus_per_task"] = origin
    reservation, notes = find_reservation(run, user, partition, reservations)
    if reservation:
        origins["reservation"] = f"scontrol show reservation: yours, until {reservation.end}"
    qos = user.needs_qos(partition, account, reservation)
    if qos:
        origins["qos"] = f"sacctmgr: yours, and one that {partition.name} takes"
    if partition.whole_nodes:
        origins["exclusive"] = "scontrol show partition: it gives whole nodes alone"
    scheduling = Scheduling(
        partition=partition.name,
        account=account,
        reservation=reservation.name if reservation else None,
        qos=qos,
        exclusive=partition.whole_nodes,
        time=times.clock(time),
        cpus_per_task=cpus,
    )
    return scheduling, origins, about_partition(partition, user, account) + notes


def about_partition(partition: Partition, user: User, account: str | None) -> list[str]:
    """What an instructor would want to know of the partition."""
    name, notes = partition.name, []
    if partition.memory:
        notes.append(
            f"A job that does not ask for memory has {partition.memory} MB: see slurm.mem."
        )
    if partition.whole_nodes:
        notes.append(f"Every job on {name} gets whole nodes, and is charged for them.")
    if partition.most is not None:
        notes.append(f"A job on {name} has {partition.most} nodes at most.")
    if partition.job_qos is not None and not user.qos_of(account):
        names = ", ".join(partition.job_qos)
        notes.append(f"The partition {name} takes only jobs of the QOS {names}: see slurm.qos.")
    return notes


def share_of_processors(
    run: Run, partition: Partition, nodes: list[Nodes], gpus: Gpus
) -> tuple[int | None, str]:
    """Processors for each GPU of a node, at most as many as the partition gives, and from where."""
    if not gpus.per_node:
        return None, ""
    alike = most(by_type(partition, nodes))[1].names
    try:
        hosts = run(["scontrol", "show", "hostnames", alike]).split()[-1:]
        shown = run(["scontrol", "--oneliner", "show", "node", *hosts]) if hosts else ""
    except NoAnswerError:
        return None, ""
    for node in records(shown)[:1]:
        cores = inventory.cores(node)
        limits = [
            (partition.cpus_per_node, "MaxCPUsPerNode"),
            ((partition.cpus_per_socket or 0) * inventory.sockets(node), "MaxCPUsPerSocket"),
        ]
        least, origin = cores, "scontrol show node"
        for limit, name in limits:
            if limit and limit < least:
                least, origin = limit, f"scontrol show partition, {name}"
        if least:
            share = max(1, least // gpus.per_node)
            return share, f"{origin}: {least} cores for {gpus.per_node} GPUs"
    return None, ""


def find_reservation(
    run: Run, user: User, partition: Partition, reservations: list[Reservation]
) -> tuple[Reservation | None, list[str]]:
    """The user's own, with nodes of the partition, that is active now; of others a note."""
    account = user.account(partition)
    mine = [one for one in reservations if user.is_for(one, account) and not one.for_no_job]
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
    if not permits(reservation.partitions, [partition.name]):
        return False
    if not reservation.nodes:
        return True
    shared = hostlist.share(reservation.nodes, partition.nodes)
    if shared is not None and not shared:
        return False
    places = [f"--partition={partition.name}", f"--nodes={reservation.nodes}"]
    try:
        shown = run([*inventory.SINFO, *places])
    except NoAnswerError:
        return False
    return any(one.gpus for one in inventory.nodes(shown))


def has_modules(run: Run) -> bool:
    """A login shell has the command ``module``."""
    try:
        lines = run(["bash", "-lc", "type -t module"]).split()
    except NoAnswerError:
        return False
    return lines[-1:] in (["function"], ["alias"], ["file"])
