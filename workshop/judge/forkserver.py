"""A process that has torch imported already, and forks one of its kind for each run.

Starting Python and torch takes seconds; a fork takes milliseconds and begins with a clean state.
This process never runs someone else's code: its forks do, and it watches them. It is started as
``python -I -m workshop.judge.forkserver FD``; over FD come orders, each with the socket that the
fork is to serve, and outcomes go back.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import resource
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop.judge import child, limits, wire
from workshop.judge.limits import Limits

LOOK_SECONDS = 0.01
MOST_BYTES_OF_ORDER = 10**6
KEPT_OUTPUT = 4000
PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Watched:
    """A fork at work.

    Attributes:
        output: the pipe that its standard output and error go to.
        kept: the last of what came.
    """

    pid: int
    output: int
    deadline: float
    kept: bytes = b""
    printed: int = 0


def main() -> None:
    import torch

    torch.set_num_threads(1)  # a second thread would not survive a fork
    torch.zeros(2, 2) @ torch.zeros(2, 2)  # what is set up at first use is set up before forking
    orders = socket.socket(fileno=int(sys.argv[1]))
    # Whatever a run leaves behind becomes our child, wherever it hides: nothing survives us.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wire.send(orders, "ready")
    with contextlib.suppress(wire.ClosedError):
        while True:
            channel = receive_socket(orders)
            order = wire.receive(orders, MOST_BYTES_OF_ORDER)
            wire.send(orders, run(order, channel, orders))


def receive_socket(orders: socket.socket) -> socket.socket:
    data, descriptors, _, _ = socket.recv_fds(orders, 1, 1)
    if not data or not descriptors:
        raise wire.ClosedError("the judge is gone")
    return socket.socket(fileno=descriptors[0])


def run(order: dict[str, Any], channel: socket.socket, orders: socket.socket) -> dict[str, Any]:
    """Fork, watch to the end, and tell how it ended."""
    bounds = Limits(**order["limits"])
    for name in order["imports"]:  # the judge's choice, never a participant's
        with contextlib.suppress(ImportError):  # then their file meets that itself
            importlib.import_module(name)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        orders.close()
        os.close(reader)
        become(order, channel, writer, bounds)
    channel.close()
    os.close(writer)
    watched = Watched(pid, reader, time.monotonic() + bounds.seconds)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = watch(watched, bounds)
    reap()
    drain(watched)
    os.close(reader)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "ended": ended,
        "output": watched.kept,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


def become(order: dict[str, Any], channel: socket.socket, writer: int, bounds: Limits) -> None:
    """The rest of a fork's life; never returns."""
    try:
        os.setsid()
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        os.chdir(order["directory"])
        limits.apply(bounds)
        child.serve(channel, order["file"], order["driver"], bounds.answer_mb * limits.MB)
    finally:
        sys.stdout.flush()
        os._exit(0)


def watch(watched: Watched, bounds: Limits) -> str:
    """Wait for the end, or make one: 'done', 'signal 9', 'exit 3', or the limit that was met."""
    while True:
        readable, _, _ = select.select([watched.output], [], [], LOOK_SECONDS)
        if readable and not read_some(watched):
            time.sleep(LOOK_SECONDS)  # it closed its output; that is its own affair
        pid, status = os.waitpid(watched.pid, os.WNOHANG)
        if pid:
            if os.WIFSIGNALED(status):
                return f"signal {os.WTERMSIG(status)}"
            code = os.waitstatus_to_exitcode(status)
            return "done" if code == 0 else f"exit {code}"
        limit = None
        if time.monotonic() > watched.deadline:
            limit = "seconds"
        elif watched.printed > bounds.output_kb * 1000:
            limit = "output"
        elif len(descendants(os.getpid())) - 1 > bounds.processes:
            limit = "processes"
        if limit:
            return limit


def read_some(watched: Watched) -> bool:
    data = os.read(watched.output, 1 << 16)
    watched.printed += len(data)
    watched.kept = (watched.kept + data)[-KEPT_OUTPUT:]
    return bool(data)


def drain(watched: Watched) -> None:
    """Read what is left in the pipe; nobody writes to it any more."""
    while select.select([watched.output], [], [], 0)[0] and read_some(watched):
        pass


def reap() -> None:
    """Kill all that a run left behind, and what that starts meanwhile, until nothing is left."""
    while left := descendants(os.getpid()):
        for pid in left:  # stopped first: what is stopped starts nothing
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGSTOP)
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.001)


def descendants(pid: int) -> list[int]:
    """Processes that came from ``pid``, at any depth."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text(encoding="ascii").split()
        except OSError:
            continue
        for one in children:
            found += [int(one), *descendants(int(one))]
    return found


if __name__ == "__main__":
    main()
