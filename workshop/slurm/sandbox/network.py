"""Whether Slurm's daemons can be reached: on this machine at all, and each on its port."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from workshop.slurm.sandbox.config import LOOPBACK
from workshop.slurm.sandbox.errors import SandboxError

LISTENING = "0A"  # a socket's state, as the kernel has it


def check() -> None:
    """Raise SandboxError where Slurm cannot resolve even 127.0.0.1.

    Slurm asks getaddrinfo with AI_ADDRCONFIG, which resolves no IPv4 address, not even a numeric
    one, on a machine that has none but the loopback's.
    """
    try:
        socket.getaddrinfo(LOOPBACK, 1, family=socket.AF_INET, flags=socket.AI_ADDRCONFIG)
    except socket.gaierror:
        raise SandboxError(
            "Slurm needs an IPv4 address besides the loopback's, and this machine has none: "
            "connect it to a network, or give it an address, as root, with "
            "'ip address add 192.0.2.1/32 dev lo'"
        ) from None


def listens(process: int, port: int) -> bool:
    """Whether this process of ours listens on a TCP port; another process may, instead of it."""
    return not sockets(process).isdisjoint(listening(port))


def sockets(process: int) -> set[str]:
    """The inodes of the sockets of a process; none where it is gone."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                name = os.readlink(entry)
                if name.startswith("socket:["):
                    found.add(name.removeprefix("socket:[").removesuffix("]"))
    return found


def listening(port: int) -> Iterator[str]:
    """The inodes of the sockets that listen on a port, for IPv4 and IPv6."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):  # a kernel without IPv6
            for row in Path("/proc/net", table).read_text().splitlines()[1:]:
                _, local, _, state, *others = row.split()
                if state == LISTENING and int(local.rpartition(":")[2], 16) == port:
                    yield others[5]
