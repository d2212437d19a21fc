"""The judge's hold on a fork server: started in its isolation, and started anew where it died.

One serves any number of files, of any number of people, one run after another:

    with room(require("landlock")) as server:
        for submission in submissions:
            with student(server, submission / "exercise.py") as run:
                run.call("double", 21)

Each run gets a copy of its own folder's files, in a folder that is empty before and emptied after;
it sees no other submission, and nothing of an earlier run is there for it to find.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workshop.judge import wire
from workshop.judge.bubblewrap import HOME, words
from workshop.judge.family import descendants
from workshop.judge.isolation import Isolation, IsolationError, describe, strongest
from workshop.judge.plain import NotPlainError
from workshop.judge.watch import empty

LONGEST_START = 120.0  # seconds: torch, off a cluster's file system, cold
TRIES = 3
# What a participant's code gets of the judge's environment.
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")

# And what is set for it.
QUIET = {
    "OMP_NUM_THREADS": "1",
    "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",  # hundreds of MB, and gone after the run
    "TORCHINDUCTOR_COMPILE_THREADS": "1",  # torch.compile would start workers, and wait for them
}


class ServerError(RuntimeError):
    """No run can be had: it is not their code's fault, and none of it is graded by this."""


@dataclass
class ForkServer:
    """A fork server: one process, or after its death another one.

    Attributes:
        home: the folder that its homes are made in, where they are not in memory.
        orders: the socket for orders to it.
        family: the processes that it consists of; whoever else descends from it is a run's.
        layers: what isolates its runs, in words; known once it is ready.
        usable: False where its next run needs another process.
        starts: how often one was started.
    """

    home: Path
    isolation: Isolation
    process: subprocess.Popen[bytes]
    orders: socket.socket
    family: frozenset[int] = frozenset()
    layers: str = ""
    usable: bool = True
    starts: int = field(default=1)


@contextmanager
def room(isolation: Isolation | None = None) -> Iterator[ForkServer]:
    """A fork server in a folder of its own, ready: for as many files and people as there are.

    Args:
        isolation: the kind; the strongest that works here where it is None.

    Raises:
        IsolationError: it does not start in this isolation; the message says why.
    """
    kind = isolation or strongest()
    home = HOME if kind == "bubblewrap" else Path(tempfile.mkdtemp(prefix="workshop-"))
    try:
        with fork_server(home, kind) as server:
            importlib.import_module("torch")  # as the server does now: judging needs it here, too
            wait_until_ready(server)
            yield server
    finally:
        if kind != "bubblewrap" and empty([home]):
            home.rmdir()


@contextmanager
def fork_server(home: Path, isolation: Isolation = "process") -> Iterator[ForkServer]:
    """Start one, and end it with all its runs; ``wait_until_ready`` waits for its imports.

    Args:
        home: an empty folder for its runs to write to; in ``bubblewrap`` they write to memory, and
            it is not used.
    """
    server = ForkServer(home, isolation, *start(home / "1", isolation))
    try:
        yield server
    finally:
        end(server)


def start(home: Path, isolation: Isolation) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A fork server's process, and our end of the socket that it takes orders from."""
    if isolation == "bubblewrap":
        prefix, inside, cwd = words(), HOME, Path("/")
    else:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        prefix, inside, cwd = [], home.resolve(), home
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"HOME": str(inside), "TMPDIR": str(inside), "USER": "participant", **QUIET}
    ours, theirs = socket.socketpair()
    with closing(theirs):
        number = theirs.fileno()
        python = [sys.executable, "-I", "-B", "-m", "workshop.judge.forkserver"]
        process = subprocess.Popen(
            [*prefix, *python, str(number), isolation, str(inside)],
            pass_fds=[number],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd=cwd,
        )
    return process, ours


def wait_until_ready(server: ForkServer) -> None:
    """Wait for the imports to be done; raises IsolationError where the server could not start."""
    server.orders.settimeout(LONGEST_START)
    try:
        ready = wire.receive(server.orders, 1000)
    except (wire.ClosedError, TimeoutError, NotPlainError):
        end(server)
        raise IsolationError(
            f"what runs participants' code does not start in the isolation {server.isolation!r} "
            "(docs/isolation.md has what each needs); what it said stands above"
        ) from None
    server.family = frozenset({server.process.pid, *descendants(server.process.pid)})
    server.layers = describe(server.isolation, ready["landlock"], ready["seccomp"])


def give(server: ForkServer, order: dict[str, Any], channel: socket.socket) -> None:
    """Hand it an order and the socket that the run is to serve; raises ServerError.

    Returns when it has imported what the run needs and is about to fork: from then on time counts.
    """
    for _ in range(TRIES):
        if not server.usable or server.process.poll() is not None:
            renew(server)
        try:
            server.orders.settimeout(LONGEST_START)
            socket.send_fds(server.orders, [b"!"], [channel.fileno()])
            wire.send(server.orders, order)
            wire.receive(server.orders, 1000)
            return
        except (OSError, NotPlainError):  # it died at this very moment
            server.usable = False
    raise ServerError("what runs participants' code dies again and again")


def renew(server: ForkServer) -> None:
    """Another process in place of the one that is dead, or no use any more."""
    end(server)
    server.starts += 1
    try:
        started = start(server.home / str(server.starts), server.isolation)
    except OSError as error:
        raise ServerError(f"what runs participants' code cannot be started anew: {error}") from None
    server.process, server.orders = started
    server.usable = True
    wait_until_ready(server)


def end(server: ForkServer) -> None:
    """Kill it, with what it has started."""
    server.usable = False
    left = descendants(server.process.pid)
    with suppress(ProcessLookupError):
        os.killpg(server.process.pid, signal.SIGKILL)
    for pid in left:  # runs have sessions of their own
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait()
    server.orders.close()  # not before: without its judge it would clean up and go
