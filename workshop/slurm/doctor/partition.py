"""The partition: is it there, is it up, how long may a job run, has it such GPUs?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from workshop.slurm import times
from workshop.slurm.ask import NoAnswerError, ask
from workshop.slurm.description import close
from workshop.slurm.doctor.finding import Finding, one_of
from workshop.slurm.request import Request


def about_partition(request: Request, partitions: Sequence[dict[str, str]]) -> list[Finding]:
    why = "a job runs on the nodes of one partition"
    names = [one.get("PartitionName", "") for one in partitions]
    chosen = [
        one
        for one in partitions
        if one.get("PartitionName") == request.partition
        or (request.partition is None and one.get("Default") == "YES")
    ]
    if "," in (request.partition or ""):
        return []
    if not chosen:
        what = (
            f"there is no partition {request.partition!r}"
            if request.partition
            else "this Slurm has no default partition"
        )
        what += close(request.partition or "", names)
        return [Finding("doubt", what, why, f"use --partition with {one_of(names)}")]
    name, partition = chosen[0].get("PartitionName", ""), chosen[0]
    findings = []
    state = partition.get("State", "UP")
    if state != "UP":
        findings.append(
            Finding(
                "warning",
                f"the partition {name} is {state}",
                why,
                f"no job starts there now; use --partition with {one_of(names)}, or wait",
            )
        )
    else:
        findings.append(Finding("ok", f"the partition {name} is there and up", why))
    limit = times.seconds(partition.get("MaxTime", ""))
    if limit is not None and request.time * 60 > limit:
        # A QOS may lift the partition's limit.
        sure = request.qos is None and partition.get("QoS", "N/A") == "N/A"
        findings.append(
            Finding(
                "problem" if sure else "warning",
                f"{request.time_limit} is more than the partition {name} allows "
                f"({times.clock(limit)})",
                "a job that asks for more never starts",
                f"use --time {times.clock(limit)} or less",
            )
        )
    return findings


def about_gpus(request: Request) -> list[Finding]:
    """Whether the partition has nodes with as many GPUs, and of that type."""
    why = "the job runs on GPUs, and each rank takes one"
    if not request.gpu_option:
        return [Finding("ok", "no GPU is asked for", why)]
    part = [f"--partition={request.partition}"] if request.partition else []
    try:
        lines = ask(["sinfo", "--noheader", "--Node", "--format=%N|%T|%G", *part]).splitlines()
    except NoAnswerError:
        return []
    nodes = [line.split("|") for line in lines if line.count("|") == 2]
    counts = {name: gpus_in(gres, request.gpu_type) for name, state, gres in nodes}
    enough = [name for name, count in counts.items() if count >= request.gpus_per_node]
    kind = f"{request.gpu_type} " if request.gpu_type else ""
    if len(enough) >= request.nodes:
        up = [n for n, state, _ in nodes if n in enough and not re.match(r"down|drain|fail", state)]
        if len(up) < request.nodes:
            return [
                Finding(
                    "warning",
                    f"{len(up)} of {len(enough)} nodes with {kind}GPUs are up",
                    why,
                    "the job waits until more are; 'sinfo -N' shows them",
                )
            ]
        return [Finding("ok", f"{len(up)} nodes with such {kind}GPUs are up", why)]
    most = max(counts.values(), default=0)
    return [
        Finding(
            "doubt",
            f"{request.nodes} node(s) with {request.gpus_per_node} {kind}GPUs were asked for, and "
            f"the partition has {len(enough)}; most on one node: {most}",
            why,
            "ask for fewer (--gpus), or use another --partition",
        )
    ]


def gpus_in(gres: str, kind: str | None) -> int:
    """GPUs in what sinfo prints as a node's GRES: gpu:a100:4(S:0-1),craynetwork:4."""
    count = 0
    for found in re.finditer(r"(?:^|,)gpu(?::([A-Za-z_][\w.-]*))?:(\d+)", gres):
        if kind is None or found[1] == kind:
            count += int(found[2])
    return count
