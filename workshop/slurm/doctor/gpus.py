"""GPUs: has the partition nodes with as many, of that type, and are they up?"""

from __future__ import annotations

from dataclasses import dataclass

from workshop.slurm.doctor.finding import Finding, another, counted, up_to
from workshop.slurm.facts import inventory
from workshop.slurm.facts.ask import NoAnswerError, ask
from workshop.slurm.facts.node_state import takes_jobs
from workshop.slurm.job.request import Request

WHY = "each rank takes a GPU"


@dataclass(frozen=True)
class Node:
    """A node, as sinfo shows it.

    Attributes:
        gpus: how many of each type; '' is a GPU without a type.
    """

    up: bool
    gpus: dict[str, int]

    def count(self, kind: str | None, parts: bool = False) -> int:
        """GPUs of that type, or whole ones of any; with ``parts``, those of any type."""
        if kind is not None:
            return self.gpus.get(kind, 0)
        return sum((self.gpus if parts else inventory.whole(self.gpus)).values())


def count_of(gres: str, kind: str | None) -> int:
    """GPUs of that type, or whole ones of any, on a node whose resources sinfo prints so."""
    return Node(True, inventory.gpus(gres)).count(kind)


def about_gpus(request: Request, partition: str | None = None) -> list[Finding]:
    """Whether the partition has nodes with as many GPUs, and of that type.

    Some versions of Slurm take a job with --gpus that no node can ever run, and start it with
    fewer GPUs.

    Args:
        partition: where the job starts if it names none.
    """
    if not request.gpu_option:
        return [Finding("ok", "no GPU is asked for", WHY)]
    nodes = [*nodes_of(request.partition or partition).values()]
    if not nodes:
        return []
    wanted, kind = request.gpus_per_node, request.gpu_type
    enough = [node for node in nodes if node.count(kind) >= wanted]
    if len(enough) >= request.nodes:
        return [about_ready(request, enough)]
    slices = [node for node in nodes if node.count(kind, parts=True) >= wanted]
    if len(slices) >= request.nodes:
        return [about_slices(request, slices)]
    return [too_many(request, nodes, len(enough))]


def nodes_of(partition: str | None) -> dict[str, Node]:
    """The nodes of a partition, or of all, by name; none where Slurm shows none."""
    part = [f"--partition={partition}"] if partition else []
    try:
        text = ask(["sinfo", "--noheader", "--Node", "--format=%N|%T|%G", *part])
    except NoAnswerError:
        return {}
    lines = [line.split("|") for line in text.splitlines() if line.count("|") == 2]
    return {
        name: Node(takes_jobs(state), inventory.gpus(gres)) for name, state, gres in lines if name
    }


def about_ready(request: Request, enough: list[Node]) -> Finding:
    """How many of the nodes that could run the job take jobs now."""
    ready = sum(node.up for node in enough)
    kind = f"{request.gpu_type} " if request.gpu_type else ""
    if ready < request.nodes:
        return Finding(
            "warning",
            f"{ready} of {len(enough)} nodes with so many {kind}GPUs are up",
            WHY,
            "the job waits until more are; 'sinfo -N' shows them",
        )
    are = "is" if ready == 1 else "are"
    return Finding("ok", f"{counted(ready, 'node')} with so many {kind}GPUs {are} up", WHY)


def about_slices(request: Request, nodes: list[Node]) -> Finding:
    """Nodes whose GPUs are parts of one: a job gets some, and they are not what it measures."""
    kinds = sorted({kind for node in nodes for kind in node.gpus})
    where = f"the partition {request.partition}" if request.partition else "this partition"
    return Finding(
        "warning",
        f"the GPUs of {where} are slices ({', '.join(kinds)}), and not whole ones",
        "a slice has a part of a GPU's memory and of its bandwidth",
        "name a type of whole GPUs with --set gpu_type=..., or use another --partition",
    )


def too_many(request: Request, nodes: list[Node], enough: int) -> Finding:
    """More than the nodes have, and the nearest that they have."""
    counts = sorted((node.count(request.gpu_type) for node in nodes), reverse=True)
    asked = f"{counted(request.nodes, 'node')}, with --{request.gpu_option}={request.gpu_value}"
    what = f"no node has what was asked for: {asked} (the most on one node is {counts[0]})"
    if enough:
        have = f"{counted(enough, 'node')} {'has' if enough == 1 else 'have'} so many"
        what = f"too few nodes have what was asked for: {asked} ({have})"
    return Finding("problem", what, WHY, nearest(request, counts))


def nearest(request: Request, counts: list[int]) -> str:
    """What to type for the nearest that the nodes have; their GPUs come in descending order."""
    wanted, most = request.gpus_per_node, counts[0]
    if not most:
        fit = [name for name, there in partitions_with_gpus(request).items() if there >= wanted]
        return another("--partition", fit) if fit else "use another --partition"
    if most >= wanted:
        return up_to("--nodes", sum(count >= wanted for count in counts))
    total, nodes = request.nodes * wanted, -(-request.nodes * wanted // most)
    fewer = up_to("--gpus" if request.nodes == 1 else "--gpus-per-node", most)
    spreads = request.ranks == total and total % nodes == 0
    if spreads and nodes <= len(counts) and counts[nodes - 1] >= total // nodes:
        return f"{fewer}, or --nodes {nodes} --gpus-per-node {total // nodes}"
    return fewer


def partitions_with_gpus(request: Request) -> dict[str, int]:
    """The most GPUs of the wanted type on a node of each partition."""
    found: dict[str, int] = {}
    try:
        groups = inventory.nodes(ask(inventory.SINFO))
    except NoAnswerError:
        return {}
    for group in groups:
        count = Node(True, group.gpus).count(request.gpu_type)
        found[group.partition] = max(count, found.get(group.partition, 0))
    return found
