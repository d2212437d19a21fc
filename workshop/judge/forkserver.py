"""A process that has torch imported already, and forks one of its kind for each run.

Starting Python and torch takes seconds; a fork takes milliseconds and begins with a clean state.
This process never runs someone else's code: its forks do, and it watches them. It is started as
``python -I -m workshop.judge.forkserver FD ISOLATION HOME``; over FD come orders, each with the
socket that the fork is to serve, and outcomes go back. Between two runs it empties what the first
could write to, so that each finds its own files and nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import resource
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workshop.judge import child, landlock, seccomp, wire
from workshop.judge.bubblewrap import SHARED
from workshop.judge.confine import Layers, confine, hide_memory, trial
from workshop.judge.limits import MB, Limits
from workshop.judge.places import Guard
from workshop.judge.watch import Watched, drain, empty, memory_of, reap, watch

MOST_BYTES_OF_ORDER = 32 * MB
PR_SET_CHILD_SUBREAPER = 36
DRIVER = "driver.py"
WORK = "work"  # of its home: a copy of the participant's folder


def main(number: str, isolation: str, place: str) -> None:
    import torch

    torch.set_num_threads(1)  # a second thread would not survive a fork
    torch.zeros(2, 2) @ torch.zeros(2, 2)  # what is set up at first use is set up before forking
    orders = socket.socket(fileno=int(number))
    home = Path(place)
    places = [home, SHARED] if isolation == "bubblewrap" else [home]
    # Whatever a run leaves behind becomes our child, wherever it hides: nothing survives us.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sys.meta_path.insert(0, Guard())
    layers = layers_for(isolation, places)
    if not trial(layers):
        sys.exit(f"the isolation {isolation!r} cannot be put up around a process here")
    hide_memory()
    version = layers.fence.version if layers.fence else 0
    wire.send(orders, {"landlock": version, "seccomp": layers.filtered})
    try:
        while True:
            channel = receive_socket(orders)
            order = wire.receive(orders, MOST_BYTES_OF_ORDER)
            outcome = run(order, channel, orders, layers, home, places)
            wire.send(orders, outcome)
            if not outcome["clean"]:
                return  # whoever comes next shall find nothing of it
    except ConnectionError:  # the judge is gone, and does not clean up any more
        for folder in (home, home.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()


def layers_for(isolation: str, places: Sequence[Path]) -> Layers:
    if isolation == "process":
        return Layers(None, False)
    known = landlock.version()
    return Layers(landlock.fence(places, known) if known else None, seccomp.works())


def receive_socket(orders: socket.socket) -> socket.socket:
    data, descriptors, _, _ = socket.recv_fds(orders, 1, 1)
    if not data or not descriptors:
        raise wire.ClosedError("the judge is gone")
    return socket.socket(fileno=descriptors[0])


def run(
    order: dict[str, Any],
    channel: socket.socket,
    orders: socket.socket,
    layers: Layers,
    home: Path,
    places: Sequence[Path],
) -> dict[str, Any]:
    """Fork, watch to the end, clean up, and tell how it ended."""
    bounds = Limits(**order["limits"])
    for name in order["imports"]:  # the judge's choice, never a participant's
        with contextlib.suppress(ImportError):  # then their file meets that itself
            importlib.import_module(name)
    lay_out(order, home)
    wire.send(orders, "begins")  # said before any code of theirs runs
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        orders.close()
        os.close(reader)
        become(order, channel, writer, bounds, layers, home)
    channel.close()
    os.close(writer)
    watched = Watched(pid, reader, places, memory_of(os.getpid()))
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
        "clean": empty(places),
    }


def lay_out(order: dict[str, Any], home: Path) -> None:
    """Write down the files that the run is to find; their names are plain ones, of no folder."""
    (home / WORK).mkdir()
    for name, data in order["files"]:
        (home / WORK / Path(name).name).write_bytes(data)
    if order["driver"] is not None:
        (home / DRIVER).write_bytes(order["driver"])


def become(
    order: dict[str, Any],
    channel: socket.socket,
    writer: int,
    bounds: Limits,
    layers: Layers,
    home: Path,
) -> None:
    """The rest of a fork's life; never returns."""
    try:
        os.setsid()
        empty_input = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty_input, 0)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        os.close(empty_input)
        os.close(writer)
        os.chdir(home / WORK)
        confine(layers, bounds)
        driver = str(home / DRIVER) if order["driver"] is not None else None
        file = str(home / WORK / order["file"])
        child.serve(channel, file, driver, bounds.answer_mb * MB, order["ready"])
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
