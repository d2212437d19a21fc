"""The command line in a process forked from one that has imported torch already.

Importing it is most of what a short command does. What a command does before torch is imported,
and whether it imports it at all, is for processes of their own.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from llm_builders import PRELOADED
from patience import HANG


def workshop(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """What ``workshop ARGUMENTS`` does in ``cwd``, as ``subprocess.run`` would tell it."""
    environment = {**os.environ, **env}
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder, name) for name in ("out", "err")]
        process = context.Process(target=command, args=(arguments, cwd, environment, said))
        process.start()
        process.join(HANG)
        assert process.exitcode is not None, f"workshop {arguments} has not ended"
        out, err = (path.read_text() for path in said)
    return subprocess.CompletedProcess(arguments, process.exitcode, out, err)


def command(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], said: Sequence[Path]
) -> None:
    """The rest of a fork's life."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(said, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    from workshop.cli import main

    main(arguments)
