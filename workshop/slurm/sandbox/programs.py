"""The programs that a sandbox needs: where they are, and which packages have them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import NamedTuple

from workshop.slurm.sandbox.config import Shape
from workshop.slurm.sandbox.errors import SandboxError


class Package(NamedTuple):
    debian: str
    fedora: str


PACKAGES = {
    "slurmctld": Package("slurmctld", "slurm-slurmctld"),
    "slurmd": Package("slurmd", "slurm-slurmd"),
    "slurmstepd": Package("slurmd", "slurm-slurmd"),
    "sbatch": Package("slurm-client", "slurm"),
    "scontrol": Package("slurm-client", "slurm"),
    "sinfo": Package("slurm-client", "slurm"),
    "squeue": Package("slurm-client", "slurm"),
    "sacctmgr": Package("slurm-client", "slurm"),
    "slurmdbd": Package("slurmdbd", "slurm-slurmdbd"),
    "mariadbd": Package("mariadb-server-core", "mariadb-server"),
    "mariadb-install-db": Package("mariadb-server-core", "mariadb-server"),
    "my_print_defaults": Package("mariadb-client-core", "mariadb-server"),  # for the former
    "munged": Package("munge", "munge"),
}
ACCOUNTING = ("sacctmgr", "slurmdbd", "mariadbd", "mariadb-install-db", "my_print_defaults")
DAEMON_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/libexec")


def search_path() -> str:
    """PATH, and where daemons are, which the PATH of an ordinary user leaves out."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *DAEMON_FOLDERS])


def needed(shape: Shape) -> list[str]:
    return [name for name in PACKAGES if shape.accounting or name not in ACCOUNTING]


def find(shape: Shape, path: str) -> dict[str, str]:
    """The file of each program, by its name.

    Raises:
        SandboxError: some are missing; names their packages and how to install them.
    """
    found = {name: shutil.which(name, path=path) for name in needed(shape)}
    missing = [name for name, file in found.items() if not file]
    if missing:
        raise SandboxError(explain_missing(missing))
    return {name: file for name, file in found.items() if file}


def explain_missing(missing: Sequence[str]) -> str:
    rows = "\n".join(
        f"    {name:<20}{PACKAGES[name].debian:<24}{PACKAGES[name].fedora}" for name in missing
    )
    debian = dict.fromkeys(PACKAGES[name].debian for name in missing)
    fedora = dict.fromkeys(PACKAGES[name].fedora for name in missing)
    return (
        f"a sandbox needs programs that are not installed here: {', '.join(missing)}\n\n"
        f"    {'program':<20}{'on Debian, Ubuntu':<24}on Fedora, EPEL\n{rows}\n\n"
        "Install them, on Debian or Ubuntu:\n"
        f"    apt-get install --no-install-recommends {' '.join(debian)}\n"
        f"on Fedora, or on Rocky, Alma and Red Hat with EPEL:\n    dnf install {' '.join(fedora)}"
    )
