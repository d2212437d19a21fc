"""A private Slurm that is killed: nothing of it is left, and nothing else is ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from patience import wait_for
from sandbox_parts import SMALL, directory, naming, refusal, step_daemons, submit
from slurm import state

from workshop.slurm.sandbox import Sandbox, down, processes, up

__all__ = ["directory"]  # a fixture


def daemon(sandbox: Sandbox, name: str) -> int:
    return int((sandbox.directory / "run" / f"{name}.pid").read_text())


def test_nothing_survives_the_death_of_its_daemons(directory: Path) -> None:
    sandbox = up(directory, SMALL)
    job = submit(sandbox, "/bin/sleep 1234", "--nodelist=sim01", "--export=NONE")
    wait_for(lambda: state(sandbox, job) == "RUNNING" and step_daemons(sandbox))
    for pid in (*step_daemons(sandbox), daemon(sandbox, "slurmctld"), daemon(sandbox, "sim01")):
        os.kill(pid, signal.SIGKILL)
    assert "already up" in refusal(directory)
    down(directory)
    assert not directory.exists()
    assert naming(str(directory)) == []


def test_what_is_left_without_any_process_is_removed_too(directory: Path) -> None:
    sandbox = up(directory, SMALL)
    processes.stop(sandbox.directory)
    assert "does not run any more" in refusal(directory)
    down(directory)
    assert not directory.exists()


def test_daemons_are_ended_even_without_their_directory(directory: Path) -> None:
    sandbox = up(directory, SMALL)
    shutil.rmtree(sandbox.directory)
    assert processes.find(directory)
    down(directory)
    assert naming(str(directory)) == []


def test_it_ends_with_the_process_that_it_was_made_for(directory: Path) -> None:
    with subprocess.Popen(["sleep", "1234"]) as guarded:
        sandbox = up(directory, SMALL, guard=guarded.pid)
        job = submit(sandbox, "sleep 1234")
        wait_for(lambda: state(sandbox, job) == "RUNNING")
        guarded.kill()
        wait_for(lambda: not directory.exists())
    wait_for(lambda: naming(str(directory)) == [])


def test_a_command_killed_on_the_way_leaves_nothing(directory: Path) -> None:
    command = [sys.executable, "-m", "workshop", "sandbox", "shell", "--directory", str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as shell:
        # Written once there is a process that notices the end of the command.
        wait_for(lambda: (directory / "etc" / "slurm.conf").exists())
        shell.kill()
    wait_for(lambda: not directory.exists() and naming(str(directory)) == [])


def test_what_a_user_runs_beside_it_is_never_killed(directory: Path) -> None:
    """Such as a shell in the sandbox, which has its variables, or the shell of salloc."""
    sandbox = up(directory, SMALL)
    inside = {**os.environ, **sandbox.environment()}
    with (
        subprocess.Popen(["sleep", "1234"], env=inside) as shell,
        subprocess.Popen(["sleep", "1234"], env={**inside, "SLURM_JOB_ID": "1"}) as allocation,
    ):
        down(directory)
        assert shell.poll() is None
        assert allocation.poll() is None
        shell.kill()
        allocation.kill()
