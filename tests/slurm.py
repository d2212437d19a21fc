"""A real Slurm for tests: fixtures that share one, and what to ask it.

Tests that change the cluster itself (kill a daemon, drain a node) bring up one of their own.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import HANG

from workshop.slurm.sandbox import Sandbox, SandboxError, Shape, down, up
from workshop.slurm.sandbox.config import USUAL
from workshop.slurm.sandbox.lifecycle import tools_for
from workshop.slurm.sandbox.root import chosen

REQUIRED = "WORKSHOP_REQUIRE_SLURM"  # set where Slurm has to be there: in CI
# Set to run all tests that need a Slurm on one with accounting (tests/slurm_versions.py).
ACCOUNTING = bool(os.environ.get("WORKSHOP_TEST_ACCOUNTING"))


def require_slurm(shape: Shape = USUAL) -> None:
    """Skip the test where Slurm is not installed; fail it where it has to be."""
    try:
        tools_for(shape, chosen(None))
    except SandboxError as error:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set, but {error}")
        pytest.skip(str(error).splitlines()[0])


def short_directory() -> Path:
    """A directory that is there: pytest's own are too long for a socket's path."""
    return Path(tempfile.mkdtemp(prefix="ws", dir="/tmp"))


def shared(shape: Shape) -> Iterator[Sandbox]:
    require_slurm(shape)
    directory = short_directory()
    try:
        yield up(directory, shape, guard=os.getpid())
    finally:
        down(directory)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A Slurm of five nodes with four GPUs each; three nodes are reserved as edu20."""
    yield from shared(Shape(accounting=ACCOUNTING))


@pytest.fixture(scope="session")
def accounting_sandbox() -> Iterator[Sandbox]:
    """The same with slurmdbd: sacct works, and only the account edu20 is accepted."""
    yield from shared(Shape(accounting=True))


def slurm(
    sandbox: Sandbox, *command: str | Path, check: bool = True, **kw: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command in the environment of the sandbox; its output is text."""
    environment = {**os.environ, **sandbox.environment(), **kw.pop("env", {})}
    done = subprocess.run(
        [str(word) for word in command],
        env=environment,
        text=True,
        capture_output=True,
        timeout=kw.pop("timeout", HANG),
        **kw,
    )
    if check:
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


def state(sandbox: Sandbox, job_id: int | str) -> str:
    """The state of a job as squeue has it, for five minutes after its end; else ``UNKNOWN``."""
    command = ("squeue", "--states=all", "--noheader", "--format=%T", f"--jobs={job_id}")
    done = slurm(sandbox, *command, check=False)
    return done.stdout.split()[0] if done.stdout.strip() else "UNKNOWN"
