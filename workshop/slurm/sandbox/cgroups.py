"""Control groups, by which Slurm ends jobs that take more memory than they asked for.

Slurm makes them outside of the sandbox's directory, so they are removed by name. Version 1 only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from workshop.slurm.sandbox.errors import SandboxError

ROOT = Path("/sys/fs/cgroup")
HIERARCHIES = ("memory", "freezer")
POLL_SECONDS = 0.05
LONGEST_REMOVAL_SECONDS = 10.0


def groups(node: str) -> list[Path]:
    """What the slurmd of this node has made."""
    return list(ROOT.glob(f"*/slurm_{node}"))


def check(nodes: Sequence[str]) -> None:
    """Raise SandboxError where memory limits cannot be enforced."""
    if os.getuid() != 0:
        raise SandboxError("only root can enforce memory limits: leave out --enforce-memory")
    for folder in (ROOT / hierarchy for hierarchy in HIERARCHIES):
        if not (folder / "cgroup.procs").exists() or not os.access(folder, os.W_OK):
            raise SandboxError(
                f"memory limits need cgroups of version 1, and {folder} cannot be written: "
                "leave out --enforce-memory"
            )
    for group in (group for node in nodes for group in groups(node)):
        raise SandboxError(
            f"{group} is there already: only one sandbox on a machine can enforce memory limits; "
            "take the other one down, or leave out --enforce-memory"
        )


def register(directory: Path, nodes: Sequence[str]) -> None:
    """Note in the sandbox that its nodes make groups."""
    (directory / "etc" / "cgroups").write_text("\n".join(nodes))


def remove(directory: Path) -> None:
    """Remove what the nodes of a sandbox made; its processes have ended."""
    note = directory / "etc" / "cgroups"
    nodes = note.read_text().split() if note.exists() else []
    deadline = time.monotonic() + LONGEST_REMOVAL_SECONDS
    for top in (group for node in nodes for group in groups(node)):
        for folder, _, _ in os.walk(top, topdown=False):
            remove_group(Path(folder), deadline)


def remove_group(folder: Path, deadline: float) -> None:
    """The kernel may still be busy with processes that have just ended."""
    while folder.exists():
        try:
            folder.rmdir()
        except OSError as error:
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"cannot remove the control group {folder}: {error.strerror}; try again later"
                ) from None
            time.sleep(POLL_SECONDS)
