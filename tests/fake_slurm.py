"""Slurm's commands as scripts that record how they were called, for what no real Slurm shows."""

from __future__ import annotations

from pathlib import Path

COMMANDS = ("sbatch", "srun", "scontrol", "sinfo", "squeue", "sacct", "scancel")


def install(folder: Path, answers: dict[str, str] | None = None) -> Path:
    """A directory for PATH whose commands write their environment to ``folder``/COMMAND.env.

    Args:
        answers: shell lines that a command runs then; by itself it prints nothing and succeeds.
    """
    programs = folder / "fake-bin"
    programs.mkdir()
    lines = {"sbatch": "echo Submitted batch job 4242", **(answers or {})}
    for name in COMMANDS:
        program = programs / name
        record = f"env -0 > {folder}/{name}.env; printf '%s\\n' \"$@\" > {folder}/{name}.args"
        program.write_text(f"#!/bin/bash\n{record}\n{lines.get(name, ':')}\n")
        program.chmod(0o755)
    return programs


def environment_of(folder: Path, command: str) -> dict[str, str]:
    """The environment that the command last ran in."""
    text = (folder / f"{command}.env").read_bytes().decode()
    return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)
