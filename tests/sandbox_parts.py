"""A private Slurm of a test's own, and what is still there of one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm import ACCOUNTING, require_slurm, short_directory, slurm

from workshop.slurm.sandbox import Sandbox, SandboxError, Shape, down, place, processes, up

SMALL = Shape(nodes=2, gpus_per_node=2, accounting=ACCOUNTING)
NOBODY = 65534


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory for a sandbox of the test's own, which need not be taken down."""
    require_slurm()
    path = short_directory()
    yield path
    if place.is_sandbox(path):
        down(path)
    shutil.rmtree(path, ignore_errors=True)


def submit(sandbox: Sandbox, script: str, *options: str) -> str:
    command = ("sbatch", "--parsable", "--output=/dev/null", *options, f"--wrap={script}")
    return slurm(sandbox, *command).stdout.strip()


def refusal(directory: Path) -> str:
    with pytest.raises(SandboxError) as error:
        up(directory, SMALL)
    return str(error.value)


def naming(text: str) -> list[int]:
    """Processes that have the text in their environment or their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        for name in ("environ", "cmdline"):
            try:
                if text.encode() in (entry / name).read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def step_daemons(sandbox: Sandbox) -> list[int]:
    """The slurmstepds of running jobs."""
    return [pid for pid in processes.find(sandbox.directory) if "slurmstepd" in program(pid)]


def program(pid: int) -> str:
    """What a process runs; nothing where it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""
