"""Start the daemons of a sandbox and wait until they are ready."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from workshop.slurm.sandbox import network, processes
from workshop.slurm.sandbox.config import RESERVATION, Host, Shape, munge_socket
from workshop.slurm.sandbox.errors import SandboxError

LONGEST_START_SECONDS = 60.0
LONGEST_COMMAND_SECONDS = 30.0
MUNGE_KEY_BYTES = 128
# What daemons say of it: all of 22.05, and slurmctld of 24.11 and newer.
PORT_TAKEN = ("Address already in use", "Unable to listen to file descriptors")
# The time and the daemon's name, before what a line says.
PREFIX = re.compile(r"^((\[[^]]*\]|\d{4}-\d\d-\d\d\s+[\d:]+( \d+)?|slurm\w+:|munged:)\s*)+")


class PortTakenError(SandboxError):
    """Somebody was quicker; with other ports it may go."""


@dataclass(frozen=True)
class Daemons:
    """The daemons started so far, and the programs to start more.

    Attributes:
        tools: the file of each program, by its name.
    """

    directory: Path
    tools: Mapping[str, str]
    running: dict[str, subprocess.Popen] = field(default_factory=dict)

    def start(self, name: str, program: str, *arguments: str, **variables: str) -> None:
        command = [self.tools[program], *arguments]
        self.running[name] = processes.start(self.directory, name, command, variables)

    def ask(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Slurm's as the sandbox's user would."""
        try:
            return subprocess.run(
                [self.tools[program], *arguments],
                env=processes.environment_for(self.directory),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LONGEST_COMMAND_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise SandboxError(
                f"{program} has no answer after {LONGEST_COMMAND_SECONDS:.0f} s: try again when "
                "the machine is less busy"
            ) from None

    def wait(self, what: str, ready: Callable[[], bool]) -> None:
        """Wait until ``ready``.

        Raises:
            SandboxError: a daemon ended, or it takes too long.
        """
        deadline = time.monotonic() + LONGEST_START_SECONDS
        while not ready():
            for name, process in self.running.items():
                if process.poll() is not None:
                    self.fail(name, f"{name} ended")
            if time.monotonic() > deadline:
                self.fail(what, f"{what} is not ready after {LONGEST_START_SECONDS:.0f} s")
            time.sleep(processes.POLL_SECONDS)

    def wait_for_port(self, name: str, host: Host) -> None:
        """Wait until a daemon itself listens: whoever else does there does not answer."""
        self.wait(name, lambda: network.listens(self.running[name].pid, host.ports[name]))

    def fail(self, name: str, what: str) -> NoReturn:
        """Raise ``what`` went wrong with a daemon, and what its log says."""
        last_line = telling(self.directory, name)
        taken = any(sign in last_line for sign in PORT_TAKEN)
        kind = PortTakenError if taken else SandboxError
        raise kind(f"{what}: {last_line}" if last_line else f"{what}, and says nothing")


def telling(directory: Path, name: str) -> str:
    """The last line of a daemon's log that is fatal, with the error just before it.

    Where none is fatal: the last error; else the last line.
    """
    lines: list[str] = []
    for suffix in (".log", ".out"):
        path = directory / "log" / f"{name}{suffix}"
        if path.exists():
            lines += path.read_text(errors="replace").splitlines()
    log_lines = [line for line in (PREFIX.sub("", line).strip() for line in lines) if line]
    for sign in ("fatal", "error", ""):
        for before, line in reversed(list(zip(["", *log_lines], log_lines, strict=False))):
            if sign in line.lower():
                return f"{line} ({before})" if sign == "fatal" and "error" in before else line
    return ""


def start_munge(daemons: Daemons) -> None:
    directory = daemons.directory
    key = directory / "etc" / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(MUNGE_KEY_BYTES))
    daemons.start(
        "munged",
        "munged",
        "--foreground",
        "--force",
        f"--socket={munge_socket(directory)}",
        f"--key-file={key}",
        f"--log-file={directory}/log/munged.log",
        f"--pid-file={directory}/run/munged.pid",
        f"--seed-file={directory}/run/munged.seed",
    )
    daemons.wait("munged", munge_socket(directory).is_socket)


def start_slurm(daemons: Daemons, shape: Shape, host: Host) -> None:
    """The controller, then all nodes at once: a node that finds no controller waits a second."""
    conf = str(processes.slurm_conf(daemons.directory))
    daemons.start("slurmctld", "slurmctld", "-D", "-c", "-f", conf)
    daemons.wait_for_port("slurmctld", host)
    daemons.wait("slurmctld", lambda: not daemons.ask("scontrol", "ping").returncode)
    stepd = daemons.tools["slurmstepd"]
    for node in shape.node_names:
        daemons.start(node, "slurmd", "-D", "-N", node, "-f", conf, "-d", stepd)
    daemons.wait("slurmctld", lambda: idle(daemons) == set(shape.node_names))


def idle(daemons: Daemons) -> set[str]:
    """The nodes that take jobs."""
    rows = daemons.ask("sinfo", "--noheader", "--Node", "--format=%N %T").stdout.splitlines()
    return {row.split()[0] for row in rows if row.endswith(" idle")}


def reserve(daemons: Daemons, shape: Shape, host: Host) -> None:
    """Reserve nodes for this user, as a course reserves some for its own."""
    done = daemons.ask(
        "scontrol",
        "create",
        "reservation",
        f"ReservationName={RESERVATION}",
        "StartTime=now",
        "Duration=UNLIMITED",
        f"Users={host.user}",
        f"Nodes={','.join(shape.reserved_nodes)}",
    )
    if done.returncode:
        raise SandboxError(f"cannot reserve nodes: {done.stderr.strip()}")
