"""Bring a sandbox up, and take it down."""

from __future__ import annotations

import os
import pwd
import random
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import workshop
from workshop.slurm.sandbox import cgroups, config, network, place, processes, programs, root
from workshop.slurm.sandbox.accounting import start_accounting
from workshop.slurm.sandbox.config import LOOPBACK, USUAL, Host, Shape
from workshop.slurm.sandbox.daemons import (
    Daemons,
    PortTakenError,
    reserve,
    start_munge,
    start_slurm,
)
from workshop.slurm.sandbox.errors import SandboxError
from workshop.slurm.sandbox.root import Root

# Below the ports that Linux gives to outgoing connections.
PORTS = range(20000, 32000)
ATTEMPTS = 3
# Six digits.
JOB_NUMBERS = range(100_000, 1_000_000)


@dataclass(frozen=True)
class Sandbox:
    directory: Path

    def environment(self) -> dict[str, str]:
        """Variables that make Slurm's commands and ``workshop submit`` use this sandbox."""
        return {
            "SLURM_CONF": str(processes.slurm_conf(self.directory)),
            "WORKSHOP_CLUSTER": str(self.directory / "etc" / "workshop.toml"),
            **root.environment(self.directory),
        }


def up(
    directory: Path,
    shape: Shape = USUAL,
    guard: int | None = None,
    slurm_root: Path | None = None,
) -> Sandbox:
    """Start a sandbox and wait until its nodes are idle.

    Args:
        guard: a process with which the sandbox ends too.
        slurm_root: the root of a system that Slurm is taken from, instead of this machine's; else
            the one that WORKSHOP_SLURM_ROOT names, if any.

    Raises:
        SandboxError: it cannot be; nothing is left behind.
    """
    directory = place.located(directory)
    refuse_what_is_there(directory)
    network.check()
    source = root.chosen(slurm_root)
    tools = tools_for(shape, source)
    if shape.enforce_memory:
        cgroups.check(shape.node_names)
    for attempt in range(1, ATTEMPTS + 1):
        place.claim(directory)
        try:
            bring_up(directory, shape, tools, guard, source)
            return Sandbox(directory)
        except PortTakenError:
            down(directory)
            if attempt == ATTEMPTS:
                raise
        except BaseException:
            down(directory)
            raise
    raise AssertionError


def down(directory: Path) -> None:
    """End everything of a sandbox and remove its directory; where none is, do nothing.

    Raises:
        SandboxError: the directory is not a sandbox of this user.
    """
    directory = place.located(directory)
    if directory.exists() and not place.is_sandbox(directory):
        raise SandboxError(f"{directory} is not a sandbox of yours: it was left as it is")
    processes.stop(directory)
    cgroups.remove(directory)
    place.remove(directory)


def is_up(directory: Path) -> bool:
    """Whether a sandbox runs there."""
    return bool(processes.find(place.located(directory)))


def refuse_what_is_there(directory: Path) -> None:
    if is_up(directory):
        raise SandboxError(
            f"a sandbox is already up in {directory}: enter it with "
            f"'{place.command('shell', directory)}', or take it down with "
            f"'{place.command('down', directory)}'"
        )
    if place.is_sandbox(directory):
        raise SandboxError(
            f"the sandbox in {directory} does not run any more: remove what it left with "
            f"'{place.command('down', directory)}'"
        )


def tools_for(shape: Shape, source: Root | None) -> dict[str, str]:
    """The file of each program that a sandbox needs, of a root or of this machine."""
    return root.find(source, shape) if source else programs.find(shape, programs.search_path())


def bring_up(
    directory: Path, shape: Shape, tools: dict[str, str], guard: int | None, source: Root | None
) -> None:
    place.furnish(directory, shape.node_names, shape.gpus_per_node)
    if source:
        tools = root.install(source, tools, directory)
    daemons = Daemons(directory, tools)
    if guard:
        watch(daemons, guard)
    host = this_host(["slurmctld", "slurmdbd", *shape.node_names], source)
    write_configuration(directory, shape, host)
    if shape.enforce_memory:
        cgroups.register(directory, shape.node_names)
    start_munge(daemons)
    if shape.accounting:
        start_accounting(daemons, host)
    start_slurm(daemons, shape, host)
    reserve(daemons, shape, host)


def watch(daemons: Daemons, pid: int) -> None:
    """Start what takes the sandbox down when ``pid`` ends."""
    package = Path(workshop.__file__).parents[1]
    processes.start(
        daemons.directory,
        "guardian",
        [sys.executable, "-m", "workshop.slurm.sandbox.guardian", str(daemons.directory), str(pid)],
        {"PYTHONPATH": str(package)},
    )


def this_host(daemons: Sequence[str], source: Root | None) -> Host:
    """This machine, with a free port for each daemon."""
    name = socket.gethostname()
    closed = False
    with suppress(OSError):  # a name that nobody knows is good enough
        closed = socket.gethostbyname(name) == LOOPBACK
    plugins = source.plugins if source else None
    return Host(name, closed, user_name(), free_ports(daemons), first_job(time.time()), plugins)


def first_job(now: float) -> int:
    """The number of the first job of a sandbox that starts now, in seconds since 1970.

    Logs have a job's number in their names, so no two sandboxes should count the same. The numbers
    go up with the seconds, for ten days; nobody submits a job a second for long.
    """
    return JOB_NUMBERS[int(now) % len(JOB_NUMBERS)]


def user_name() -> str:
    """This user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def free_ports(names: Sequence[str]) -> dict[str, int]:
    """A port that nobody listens on for each name."""
    ports = (port for port in random.sample(PORTS, len(PORTS)) if is_free(port))
    return dict(zip(names, ports, strict=False))


def is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def write_configuration(directory: Path, shape: Shape, host: Host) -> None:
    files = {
        "slurm.conf": config.slurm_conf(directory, shape, host),
        "gres.conf": config.gres_conf(directory, shape),
        "cgroup.conf": config.cgroup_conf(shape),
        "plugstack.conf": "",
        "workshop.toml": config.workshop_toml(directory, shape),
    }
    for name, text in files.items():
        (directory / "etc" / name).write_text(text)
