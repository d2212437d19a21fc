"""The partition: is it there, is it up, how long may a job run, has it such GPUs?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from workshop.slurm import times
from workshop.slurm.cluster.load import close
from workshop.slurm.doctor.finding import Finding, one_of
from workshop.slurm.facts import inventory
from workshop.slurm.facts.ask import NoAnswerError, ask
from workshop.slurm.facts.inventory import Partition
from workshop.slurm.job.request import Request

WHY = "a job runs on the nodes of one partition"


def about_partition(request: Request, there: Sequence[Partition]) -> list[Finding]:
    """Whether the partition is there, up, and allows that much time."""
    if "," in (request.partition or ""):
        return []  # the first of several that is free: Slurm will see
    names = [one.name for one in there]
    chosen = [
        one
        for one in there
        if one.name == request.partition or (request.partition is None and one.default)
    ]
    if not chosen:
        what = (
            f"there is no partition {request.partition!r}{close(request.partition, names)}"
            if request.partition
            else "this Slurm has no default partition"
        )
        return [Finding("doubt", what, WHY, f"use --partition with {one_of(names)}")]
    (partition,) = chosen
    if partition.up:
        found = [Finding("ok", f"the partition {partition.name} is there and up", WHY)]
    else:
        todo = f"no job can start there now; wait, or use --partition with {one_of(names)}"
        found = [Finding("warning", f"the partition {partition.name} is not up", WHY, todo)]
    return found + about_time(request, partition)


def about_time(request: Request, partition: Partition) -> list[Finding]:
    """Whether a job that long ever starts."""
    limit = partition.longest
    if limit is None or request.time * 60 <= limit:
        return []
    sure = request.qos is None and partition.qos is None  # a QOS may lift the limit
    return [
        Finding(
            "problem" if sure else "warning",
            f"{request.time_limit} is more than the partition {partition.name} allows "
            f"({times.clock(limit)})",
            "a job that asks for more never starts",
            f"use --time {times.clock(limit)} or less",
        )
    ]


def about_gpus(request: Request) -> list[Finding]:
    """Whether the partition has nodes with as many GPUs, and of that type."""
    why = "each rank takes a GPU"
    if not request.gpu_option:
        return [Finding("ok", "no GPU is asked for", why)]
    part = [f"--partition={request.partition}"] if request.partition else []
    try:
        text = ask(["sinfo", "--noheader", "--Node", "--format=%N|%T|%G", *part])
    except NoAnswerError:
        return []
    nodes = [line.split("|") for line in text.splitlines() if line.count("|") == 2]
    counts = {name: count_of(gres, request.gpu_type) for name, _, gres in nodes}
    enough = {name for name, count in counts.items() if count >= request.gpus_per_node}
    up = {name for name, state, _ in nodes if not re.match(r"down|drain|fail|unk", state)}
    kind = f"{request.gpu_type} " if request.gpu_type else ""
    if len(enough) < request.nodes:
        return [
            Finding(
                "doubt",
                f"{request.nodes} with {request.gpus_per_node} {kind}GPUs were asked for, and "
                f"{len(enough)} nodes have so many; the most on one node is "
                f"{max(counts.values(), default=0)}",
                why,
                "ask for fewer (--gpus), or use another --partition",
            )
        ]
    ready = len(enough & up)
    if ready < request.nodes:
        return [
            Finding(
                "warning",
                f"{ready} of {len(enough)} nodes with so many {kind}GPUs are up",
                why,
                "the job waits until more are; 'sinfo -N' shows them",
            )
        ]
    what = f"{ready} node{'s' if ready > 1 else ''} with so many {kind}GPUs are up"
    return [Finding("ok", what, why)]


def count_of(gres: str, kind: str | None) -> int:
    """GPUs of that type, or of any, on a node whose resources sinfo prints so."""
    there = inventory.gpus(gres)
    return sum(there.values()) if kind is None else there.get(kind, 0)
