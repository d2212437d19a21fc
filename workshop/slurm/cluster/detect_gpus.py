"""The GPUs of a partition, as sinfo shows them, and how a job asks for them."""

from __future__ import annotations

from workshop.slurm.cluster.description import GpuRequest, Gpus
from workshop.slurm.facts import inventory
from workshop.slurm.facts.access import User
from workshop.slurm.facts.inventory import Nodes, Partition


def total(partition: Partition, nodes: list[Nodes]) -> int:
    """Whole GPUs of a partition; parts of GPUs count for nothing."""
    kinds = by_type(partition, nodes)
    whole = [kind for kind in kinds if not inventory.PART_OF_GPU.search(kind)]
    return sum(one.count * one.gpus[kind] for kind in whole for one in kinds[kind])


def by_type(partition: Partition, nodes: list[Nodes]) -> dict[str, list[Nodes]]:
    """The nodes of a partition that have GPUs, for each type of GPU."""
    found: dict[str, list[Nodes]] = {}
    for one in nodes:
        for kind in one.gpus if one.partition == partition.name else ():
            found.setdefault(kind, []).append(one)
    return found


def best_first(partitions: list[Partition], nodes: list[Nodes], user: User) -> list[Partition]:
    """Those with GPUs first, of these the default one first, of the rest those with most GPUs.

    Whole GPUs come before parts of them, and a partition that is known to take the user's QOS
    before one of which that is not known.
    """

    def rank(partition: Partition) -> tuple[bool, bool, bool, bool, int]:
        gpus, account = total(partition, nodes), user.account(partition)
        unknown = partition.job_qos is not None and not user.qos_of(account)
        some = bool(by_type(partition, nodes))
        return (not gpus, not some, unknown, not partition.default, -gpus)

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
    notes = []
    if inventory.PART_OF_GPU.search(kind):
        notes.append(f"The GPUs of {group.partition} are slices ({kind}), and not whole ones.")
    if gpus.type:
        types = ", ".join(name or "untyped" for name in kinds)
        origins["type"] = f"sinfo: the most frequent of {types}"
    return gpus, origins, notes


def most(kinds: dict[str, list[Nodes]]) -> tuple[str, Nodes]:
    """The type of which there are most, a named one and whole GPUs first, and the nodes with most.

    Where nodes have different numbers of it, the nodes are those that have most of them together.
    """

    def rank(kind: str) -> tuple[bool, bool, int]:
        whole = not inventory.PART_OF_GPU.search(kind)
        return bool(kind), whole, sum(one.count * one.gpus[kind] for one in kinds[kind])

    kind = max(kinds, key=rank)
    return kind, max(kinds[kind], key=lambda one: one.count * one.gpus[kind])


def list_others(partitions: list[Partition], nodes: list[Nodes]) -> list[str]:
    """A line for each further partition with GPUs."""
    return [
        f"Another partition with GPUs: {one.name}, {total(one, nodes)} of "
        f"{', '.join(kind or 'no named type' for kind in by_type(one, nodes))}."
        for one in partitions
    ]
