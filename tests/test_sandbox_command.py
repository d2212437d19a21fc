"""``workshop sandbox``: what it says, what it gives to programs, and what a shell of it has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from patience import HANG
from sandbox_parts import SMALL, directory, naming
from slurm import slurm

from workshop.slurm.sandbox import Sandbox, up

__all__ = ["directory"]  # a fixture


def run_workshop(*arguments: str | Path, **kw: object) -> subprocess.CompletedProcess[str]:
    """The command line, as a process of its own."""
    command = [sys.executable, "-m", "workshop", *map(str, arguments)]
    return subprocess.run(command, text=True, capture_output=True, timeout=HANG, **kw)  # type: ignore[call-overload]


def test_the_command_says_what_to_type_next(directory: Path) -> None:
    where = ("--directory", directory)
    done = run_workshop("sandbox", "up", *where, "--nodes", "2", "--gpus", "1")
    assert done.returncode == 0, done.stderr
    assert f"export SLURM_CONF={directory}/etc/slurm.conf WORKSHOP_CLUSTER=" in done.stdout
    assert f"workshop sandbox shell --directory {directory}" in done.stdout
    assert "workshop submit compile --reservation edu20" in done.stdout
    again = run_workshop("sandbox", "up", *where)
    assert again.returncode == 1
    assert again.stderr.startswith("Error: a sandbox is already up")
    assert len(again.stderr.splitlines()) == 1
    assert "is down" in run_workshop("sandbox", "down", *where).stdout
    none = run_workshop("sandbox", "down", *where)
    assert (none.returncode, none.stdout) == (0, f"No sandbox is up in {directory}.\n")


def test_the_command_gives_its_environment_to_programs(directory: Path) -> None:
    done = run_workshop("sandbox", "up", "--directory", directory, "--nodes=1", "--json")
    answer = json.loads(done.stdout)
    assert answer == {
        "directory": str(directory),
        "environment": Sandbox(directory).environment(),
    }
    assert "edu20" in slurm(Sandbox(directory), "scontrol", "show", "reservation").stdout


def test_a_wrong_option_is_a_matter_of_usage() -> None:
    assert run_workshop("sandbox", "up", "--nodes", "0").returncode == 2


@pytest.mark.parametrize(
    "last", ["exit 3", f"{sys.executable} -m workshop sandbox down --directory $D; exit 3"]
)
def test_a_shell_has_a_sandbox_while_it_runs(directory: Path, last: str) -> None:
    script = f"squeue\nenv | grep SLURM\n{last}\n"
    environment = {**os.environ, "SHELL": "/bin/bash", "SLURM_JOB_ID": "7", "D": str(directory)}
    command = ("sandbox", "shell", "--nodes=1", "--directory", directory)
    done = run_workshop(*command, input=script, env=environment)
    assert done.returncode == 3, done.stderr
    assert "JOBID PARTITION" in done.stdout
    assert f"SLURM_CONF={directory}/etc/slurm.conf" in done.stdout
    assert "SLURM_JOB_ID" not in done.stdout  # of a job on a real cluster
    assert not directory.exists()
    assert naming(str(directory)) == []


def test_a_shell_joins_a_sandbox_that_is_up_and_leaves_it_up(directory: Path) -> None:
    up(directory, SMALL)
    environment = {**os.environ, "SHELL": "/bin/bash"}
    command = ("sandbox", "shell", "--directory", directory)
    done = run_workshop(*command, input="kill -9 $$\n", env=environment)
    assert done.returncode == 128 + signal.SIGKILL
    assert "idle" in slurm(Sandbox(directory), "sinfo").stdout
