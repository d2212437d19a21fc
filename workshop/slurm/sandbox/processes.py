"""Processes of a sandbox: started with a mark in their environment, and found again by it.

A mark is there however a process came to be alone: nothing depends on parents or on pid files.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.slurm.sandbox.errors import SandboxError

DAEMON_MARK = "WORKSHOP_SANDBOX_DAEMON"
POLL_SECONDS = 0.02
LONGEST_STOP_SECONDS = 20.0
# What Slurm's own commands obey; a sandbox in a job of a real cluster must not.
FOREIGN = ("SLURM", "SBATCH_", "SALLOC_", "SRUN_", "SQUEUE_", "SINFO_", "SACCT_", "SCANCEL_")


@dataclass(frozen=True)
class Process:
    pid: int
    state: str  # one letter, as the kernel has it
    parent: int
    session: int
    user: int
    environment: dict[str, str]


def slurm_conf(directory: Path) -> Path:
    return directory / "etc" / "slurm.conf"


def without_slurm(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment that points at no cluster."""
    return {key: value for key, value in environment.items() if not key.startswith(FOREIGN)}


def environment_for(directory: Path) -> dict[str, str]:
    """This process's environment, pointed at the sandbox."""
    return {**without_slurm(os.environ), "SLURM_CONF": str(slurm_conf(directory))}


def marked_environment(directory: Path) -> dict[str, str]:
    """The same, with the mark by which a process of the sandbox is found."""
    return {**environment_for(directory), DAEMON_MARK: str(directory)}


def start(
    directory: Path, name: str, command: Sequence[str], variables: Mapping[str, str]
) -> subprocess.Popen:
    """Start a daemon, in a session of its own."""
    with (directory / "log" / f"{name}.out").open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=marked_environment(directory) | dict(variables),
            cwd="/",
            start_new_session=True,
        )


def read(pid: int) -> Process | None:
    """What /proc tells; None where the process is gone."""
    folder = Path("/proc", str(pid))
    try:
        # The name of the program, in parentheses, may hold anything.
        fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        user = folder.stat().st_uid
    except OSError:
        return None
    state, parent, _, session = fields[:4]
    pairs: list[str] = []
    with contextlib.suppress(OSError):  # others' are secret
        pairs = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
    environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return Process(pid, state, int(parent), int(session), user, environment)


def everything() -> dict[int, Process]:
    """All processes that run; what ended and waits for its parent is none."""
    read_all = (read(int(entry)) for entry in os.listdir("/proc") if entry.isdigit())
    return {process.pid: process for process in read_all if process and process.state not in "ZX"}


def belongs(process: Process, directory: Path) -> bool:
    """Whether it is a daemon of the sandbox, or was started by one as part of a job.

    The shell of ``salloc`` has a job too, but no node: it is the user's.
    """
    environment = process.environment
    if process.user != os.getuid() and os.getuid() != 0:
        return False
    if environment.get(DAEMON_MARK) == str(directory):
        return True
    return (
        environment.get("SLURM_CONF") == str(slurm_conf(directory))
        and "SLURM_JOB_ID" in environment
        and "SLURMD_NODENAME" in environment
    )


def find(directory: Path) -> set[int]:
    """Every process of the sandbox but this one and what it descends from.

    Descendants of such a process and its session, which is never a user's, are found too,
    whatever their environment says.
    """
    processes = everything()
    found = {pid for pid, process in processes.items() if belongs(process, directory)}
    size = -1
    while size != len(found):
        size = len(found)
        sessions = {processes[pid].session for pid in found}
        found |= {
            pid
            for pid, process in processes.items()
            if process.parent in found or process.session in sessions
        }
    return found - ancestors(os.getpid(), processes)


def ancestors(pid: int, processes: Mapping[int, Process]) -> set[int]:
    """The process itself, its parent, and so on."""
    line = {pid}
    while pid in processes and (pid := processes[pid].parent) > 0:
        line.add(pid)
    return line


def stop(directory: Path) -> None:
    """End every process of the sandbox, at once and for good.

    What it wrote goes away with it, so nobody needs time to say goodbye.
    """
    deadline = time.monotonic() + LONGEST_STOP_SECONDS
    while left := find(directory):
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        reap(left)
        if time.monotonic() > deadline:
            raise SandboxError(
                f"these processes of the sandbox do not end: {', '.join(map(str, sorted(left)))}; "
                "they may wait for a disk or a network: try again later"
            )
        time.sleep(POLL_SECONDS)


def reap(pids: Iterable[int]) -> None:
    """Forget ended children of this process."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
