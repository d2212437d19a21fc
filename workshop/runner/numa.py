"""Which cores of a host a rank takes, so that it reads its weights from its own memory.

A host with several processors has a memory for each of them (a NUMA node: non-uniform memory
access), and so have the parts of a large processor. Cores read their own node's memory faster than
another's, and all nodes together read faster than one: ranks that each keep to nodes of their own
use the bandwidth of the whole host, and there tensor parallelism on a CPU pays.

Ranks that may use the very same cores divide them here. Ranks that somebody has bound already, as
Slurm does by default where its plugin task/affinity is configured, are left as they are.

Pure functions of what each rank may use and of what Linux tells in /sys; ``bind`` alone acts.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/devices/system/node")
BOOT = Path("/proc/sys/kernel/random/boot_id")  # of this start of this host's kernel
MPOL_PREFERRED = 1  # with no node named: that of the core which touches a page first
SET_MEMPOLICY = {"x86_64": 238, "aarch64": 237, "riscv64": 237, "ppc64le": 261}  # syscalls


@dataclass(frozen=True)
class Seat:
    """Where a rank runs.

    Attributes:
        host: what no other host has, nor this one after its next start; empty where unknown.
        cores: that it may use.
    """

    host: str
    cores: frozenset[int]


@dataclass(frozen=True)
class Share:
    """Nodes of a host that a rank keeps to, and those of their cores that it may use."""

    nodes: tuple[int, ...]
    cores: frozenset[int]

    def __str__(self) -> str:
        plural = "s" if len(self.nodes) > 1 else ""
        return f"NUMA node{plural} {ranges(self.nodes)}: cores {ranges(self.cores)}"


def this_seat() -> Seat:
    """The seat of this process."""
    try:
        host = BOOT.read_text(encoding="ascii").strip()
    except OSError:
        host = ""
    if hasattr(os, "sched_getaffinity"):
        return Seat(host, frozenset(os.sched_getaffinity(0)))
    return Seat(host, frozenset(range(os.cpu_count() or 1)))


def numa_nodes(root: Path = ROOT) -> dict[int, frozenset[int]]:
    """The cores of each NUMA node of this host that has cores; empty where Linux does not tell."""
    found = {}
    for folder in root.glob("node[0-9]*"):
        try:
            cores = numbers((folder / "cpulist").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        if cores:  # there are nodes of memory alone
            found[int(folder.name.removeprefix("node"))] = cores
    return dict(sorted(found.items()))


def share_of(rank: int, seats: Sequence[Seat], nodes: Mapping[int, frozenset[int]]) -> Share | None:
    """What a rank takes of the host that it shares with others; None: all that it may use.

    Every rank gets as many nodes as any other, or every node as many ranks. Where that does not
    work out, or one rank would have less than half of another's cores, nothing is divided.

    Args:
        seats: of all ranks.
        nodes: cores of each node of the rank's host.
    """
    together = [other for other, seat in enumerate(seats) if seat == seats[rank]]
    usable = {node: cores & seats[rank].cores for node, cores in nodes.items()}
    usable = {node: cores for node, cores in usable.items() if cores}
    if len(together) < 2 or len(usable) < 2:
        return None
    if len(usable) % len(together) and len(together) % len(usable):
        return None
    parts = min(len(together), len(usable))
    shares = [shared(usable, part, parts) for part in range(parts)]
    sizes = [len(share.cores) for share in shares]
    if min(sizes) * 2 < max(sizes):
        return None
    return shares[together.index(rank) * parts // len(together)]


def shared(usable: Mapping[int, frozenset[int]], part: int, parts: int) -> Share:
    """One of ``parts`` equal parts of the nodes: neighbours, which are of one processor."""
    size = len(usable) // parts
    nodes = tuple(usable)[part * size : (part + 1) * size]
    return Share(nodes, frozenset().union(*(usable[node] for node in nodes)))


def threads_of(rank: int, seats: Sequence[Seat], nodes: Mapping[int, frozenset[int]]) -> int:
    """Threads of a rank: its cores, divided among the ranks of its host that use them too."""
    taken = []
    for other, seat in enumerate(seats):
        if seat.host == seats[rank].host:
            share = share_of(other, seats, nodes)
            taken.append((other, share.cores if share else seat.cores))
    mine = dict(taken)[rank]
    return max(1, len(mine) // sum(1 for _, cores in taken if cores & mine))


def bind(share: Share) -> bool:
    """Keep this thread, and those that it starts from now on, to a share; whether that is allowed.

    Their memory then comes from the node of the core that touches it first, whatever policy this
    process has inherited (``numactl --interleave``); where a node is full, from another.
    """
    try:
        os.sched_setaffinity(0, share.cores)
    except (AttributeError, OSError):  # not Linux, or the cores are not ours any more
        return False
    take_memory_nearby()
    return True


def take_memory_nearby() -> bool:
    """Whether the system took the policy: containers may not be allowed to set one."""
    number = SET_MEMPOLICY.get(platform.machine())
    if number is None or platform.system() != "Linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(ctypes.c_long(number), ctypes.c_int(MPOL_PREFERRED), None, 0) == 0


def numbers(text: str) -> frozenset[int]:
    """The numbers of a list as Linux writes it: "0-2,8"; raises ValueError for anything else."""
    found: set[int] = set()
    for piece in filter(None, text.strip().split(",")):
        first, _, last = piece.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def ranges(of: frozenset[int] | Sequence[int]) -> str:
    """Numbers as Linux writes them: "0-2,8"."""
    runs: list[list[int]] = []
    for number in sorted(of):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
