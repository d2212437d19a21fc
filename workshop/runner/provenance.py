"""Where a result comes from: software, user, Slurm job."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import workshop
from workshop.record.results import SlurmJob, Versions
from workshop.util.user import user as user


def versions() -> Versions:
    """Versions of everything that a number depends on."""
    import torch

    return Versions(
        workshop=workshop.__version__,
        python=platform.python_version(),
        torch=str(torch.__version__),
        cuda=torch.version.cuda,
        rocm=torch.version.hip,
        git_commit=git_commit(Path(workshop.__file__).parent),
        triton=installed("triton"),
    )


def installed(package: str) -> str | None:
    """The version of a package; None where it is not there."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git_commit(directory: Path) -> str | None:
    """The commit that ``directory`` is at, '+' behind it if changed since; None outside git."""
    command = ["git", "-C", str(directory), "describe", "--always", "--abbrev=12", "--dirty=+"]
    if not (directory.parent / ".git").exists():
        return None  # installed somewhere inside another project's checkout
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def slurm_job() -> SlurmJob | None:
    """The Slurm job that this process is part of, if any."""
    job_id = os.environ.get("SLURM_JOB_ID")
    if not job_id:
        return None
    return SlurmJob(
        job_id=job_id,
        job_name=os.environ.get("SLURM_JOB_NAME"),
        partition=os.environ.get("SLURM_JOB_PARTITION"),
        nodes=os.environ.get("SLURM_JOB_NODELIST"),
    )
