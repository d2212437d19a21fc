"""Directories: can they be read, written, have they room, and are they well placed?"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from workshop.runner import compile_cache
from workshop.slurm import runs
from workshop.slurm.cluster.description import Cluster
from workshop.slurm.doctor.finding import Finding
from workshop.slurm.job.request import Request

PLENTY = 5e9  # bytes: a few compiled graphs and logs
SHARED_FILE_SYSTEMS = ("nfs", "nfs4", "lustre", "gpfs", "beegfs", "cephfs", "ceph", "panfs")


def about_directories(request: Request, cluster: Cluster) -> list[Finding]:
    """Logs, runs, compiled graphs, checkpoints: readable, writable, with room, well placed."""
    logs = Path(request.output).parent
    home_cache = compile_cache.usual_place()
    findings = [
        *writable(logs, "the log is written there"),
        *writable(runs.root(cluster.paths.runs_directory), "runs are stored there"),
    ]
    if request.cache is None:
        kind = file_system(home_cache)
        if kind in SHARED_FILE_SYSTEMS:
            findings.append(
                Finding(
                    "warning",
                    f"compiled graphs are kept in {home_cache}, on {kind}",
                    "hundreds of small files on a shared disk make compiling slow for everybody",
                    "set paths.cache in the cluster's description to a disk of the node, as "
                    "/tmp/workshop-$USER",
                )
            )
    if cluster.paths.checkpoints:
        findings.append(readable(Path(cluster.paths.checkpoints)))
    return findings


def writable(path: Path, use: str) -> list[Finding]:
    """A directory that is there or can be made, and has room."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        return [
            Finding(
                "problem", f"{there} cannot be written", use, "choose another, or free some space"
            )
        ]
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return [Finding("warning", f"{there} cannot be looked at ({error.strerror})", use, None)]
    if free < PLENTY:
        return [
            Finding(
                "warning",
                f"{there} has {free / 1e9:.1f} GB left",
                use,
                "free some space, or choose another directory",
            )
        ]
    return [Finding("ok", f"{there} can be written, {free / 1e9:.0f} GB are free", use)]


def readable(checkpoints: Path) -> Finding:
    why = "--model names a directory in it"
    if not checkpoints.is_dir():
        return Finding(
            "warning",
            f"there is no directory {checkpoints}",
            why,
            "correct paths.checkpoints in the cluster's description",
        )
    if not os.access(checkpoints, os.R_OK | os.X_OK):
        return Finding(
            "warning",
            f"you have no permission to read {checkpoints}",
            why,
            "ask your instructor for read permission",
        )
    return Finding("ok", f"the checkpoints in {checkpoints} can be read", why)


def file_system(path: Path) -> str | None:
    """The kind of file system that a path is on, as /proc/mounts names it."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return None
    inside = [
        (len(fields[1]), fields[2])
        for fields in mounts
        if len(fields) > 2 and path.is_relative_to(fields[1])
    ]
    return max(inside)[1] if inside else None
