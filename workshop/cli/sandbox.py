"""``workshop sandbox``: a private Slurm for rehearsal."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from workshop.slurm.sandbox import Sandbox

DIRECTORY = click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Directory of the sandbox.  [one of your own in $TMPDIR or /tmp]",
)
SHAPE = [
    click.option("--nodes", type=click.IntRange(1, 99), default=5, help="Number of nodes.  [5]"),
    click.option("--gpus", type=click.IntRange(0, 16), default=4, help="GPUs per node.  [4]"),
    click.option(
        "--accounting",
        is_flag=True,
        help="Also start slurmdbd, so that sacct works (starts more slowly).",
    ),
    click.option("--enforce-memory", is_flag=True, help="Kill jobs that exceed --mem; needs root."),
    click.option(
        "--slurm-root",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Use the Slurm in this root file system, made with debootstrap, for example.  "
        "[$WORKSHOP_SLURM_ROOT, else this machine's]",
    ),
]


def with_shape(command: Callable) -> Callable:
    for option in reversed([DIRECTORY, *SHAPE]):
        command = option(command)
    return command


@click.group()
def sandbox() -> None:
    """Run a private Slurm on this machine, for rehearsal.

    The daemons are real; nodes and GPUs are simulated. All its files are in one directory, which
    'down' removes.
    """


@sandbox.command()
@with_shape
@click.option(
    "--json", "as_json", is_flag=True, help="Print only the directory and the environment, as JSON."
)
def up(directory: Path | None, as_json: bool, **shape: Any) -> None:
    """Start a sandbox, and print how to use it."""
    with one_sentence():
        started = start(directory, None, **shape)
    environment = started.environment()
    if as_json:
        click.echo(json.dumps({"directory": str(started.directory), "environment": environment}))
        return
    from workshop.slurm.sandbox import place

    exports = " ".join(starmap(assignment, environment.items()))
    click.echo(
        f"A Slurm of {shape['nodes']} nodes is up in {started.directory}. Use it in a shell of "
        f"its own:\n\n    {place.command('shell', started.directory)}\n\n"
        f"or in this one:\n\n    export {exports}\n\n"
        "and then, for example:\n\n"
        "    sinfo\n    workshop submit compile --reservation edu20\n\n"
        f"Take it down with:\n\n    {place.command('down', started.directory)}"
    )


def assignment(name: str, value: str) -> str:
    """What to type in a shell to give a variable its value; a PATH only gets what is new in it."""
    path = f":{os.environ.get('PATH', os.defpath)}"
    if name == "PATH" and value.endswith(path):
        return f'{name}={shlex.quote(value.removesuffix(path))}:"$PATH"'
    return f"{name}={shlex.quote(value)}"


@sandbox.command()
@DIRECTORY
def down(directory: Path | None) -> None:
    """Stop a sandbox and its jobs, and remove its directory."""
    from workshop.slurm import sandbox as slurm

    directory = directory or slurm.default_directory()
    with one_sentence():
        if not directory.exists() and not slurm.is_up(directory):
            click.echo(f"No sandbox is up in {directory}.")
            return
        slurm.down(directory)
    click.echo(f"The sandbox in {directory} is down, and the directory is removed.")


@sandbox.command()
@with_shape
def shell(directory: Path | None, **shape: Any) -> None:
    """Run $SHELL in a sandbox; if none is up, start one, and stop it at exit."""
    from workshop.slurm import sandbox as slurm

    directory = directory or slurm.default_directory()
    with one_sentence():
        if slurm.is_up(directory):
            sys.exit(run_shell(slurm.Sandbox(directory.resolve())))
        started = start(directory, os.getpid(), **shape)
        try:
            code = run_shell(started)
        finally:
            slurm.down(started.directory)
    sys.exit(code)


def start(
    directory: Path | None,
    guard: int | None,
    nodes: int,
    gpus: int,
    accounting: bool,
    enforce_memory: bool,
    slurm_root: Path | None,
) -> Sandbox:
    from workshop.slurm import sandbox as slurm

    shape = slurm.Shape(
        nodes=nodes, gpus_per_node=gpus, accounting=accounting, enforce_memory=enforce_memory
    )
    return slurm.up(directory or slurm.default_directory(), shape, guard, slurm_root)


def run_shell(sandbox: Sandbox) -> int:
    """Run the user's shell in the sandbox; gives its exit code as a shell would."""
    from workshop.slurm.sandbox import processes

    environment = processes.without_slurm(os.environ) | sandbox.environment()
    # Ctrl-C is meant for what runs in the shell.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with subprocess.Popen([os.environ.get("SHELL") or "/bin/sh"], env=environment) as process:
            try:
                code = process.wait()
            except BaseException:
                process.send_signal(signal.SIGHUP)  # as if its terminal were closed
                raise
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """What goes wrong with a sandbox is one sentence, with exit code 1."""
    from workshop.slurm.sandbox import SandboxError

    try:
        yield
    except SandboxError as error:
        raise click.ClickException(str(error)) from None
