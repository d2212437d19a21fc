"""What a process that runs someone else's code may use."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MB = 10**6
OPEN_FILES = 256
Network = Literal["none", "loopback"]


@dataclass(frozen=True)
class Limits:
    """The most that one run may use.

    Attributes:
        seconds: of wall clock.
        cpu_seconds: of all its processors together, in one process.
        memory_mb: beyond what Python and torch have already, for each process and for all together.
        processes: that it may start.
        output_kb: of standard output and error together.
        file_mb: in any one file that it writes.
        disk_mb: in all of them together.
        answer_mb: in any one value that it returns.
        network: ``loopback`` for exercises whose processes meet over TCP on this machine; layers
            that can (workshop.judge.isolation) keep everything else away.
    """

    seconds: float = 10
    cpu_seconds: int = 20
    memory_mb: int = 1000
    processes: int = 0
    output_kb: int = 1000
    file_mb: int = 100
    disk_mb: int = 200
    answer_mb: int = 64
    network: Network = "none"


def apply(limits: Limits) -> None:
    """Bind this process, and those that it starts, to what the kernel can enforce."""
    memory = address_space() + limits.memory_mb * MB
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, limits.file_mb * MB),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # At the soft limit of CPU time comes SIGXCPU, which tells; at the hard one SIGKILL.
        later = most + 1 if kind == resource.RLIMIT_CPU and most != hard else most
        resource.setrlimit(kind, (most, later))


def address_space() -> int:
    """Bytes of this process's address space."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()
