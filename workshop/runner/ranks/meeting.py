"""How the ranks of a run find each other at its start, and notice who does not come."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path

from workshop.runner.ranks.lifeline import (
    GRACE,
    KILLED_ADVICE,
    NEWS_SECONDS,
    Lifeline,
    RankLostError,
    messages,
)
from workshop.runner.ranks.rank import LOOPBACK, Rank
from workshop.util.errors import UsageError

LONGEST_START = 120  # seconds until all ranks are there; some read Python from a slow disk


def meet(rank: Rank) -> Lifeline:
    """Connect the ranks, each of which calls it; returns when all have come.

    Raises:
        RankLostError: one ended or did not come in time.
        UsageError: another program has the port.
    """
    line = Lifeline(rank)
    deadline = time.monotonic() + LONGEST_START
    if rank.index == 0:
        receive(line, deadline)
        line.port = free_port()
        line.send({"port": line.port})
    else:
        connection = reach(rank, deadline)
        line.hold(0, connection, messages(connection), f"on {rank.address}")
        line.send({"rank": rank.index, "host": socket.gethostname(), "process": os.getpid()})
    line.wait_until(lambda: line.port != 0, deadline)
    return line


def receive(line: Lifeline, deadline: float) -> None:
    """Rank 0: let the others come, also to hear that one has ended already."""
    missing = set(range(1, line.rank.ranks))
    with listening(line.rank) as server:
        server.settimeout(0.1)
        complete = time.monotonic()
        while missing and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                greet(line, server.accept()[0], missing)
            if all_started(line.rank.ranks):
                complete = time.monotonic()
            elif time.monotonic() > complete + NEWS_SECONDS:
                deadline = 0
            if line.lost is not None:
                line.send(line.lost.message)
                deadline = min(deadline, time.monotonic() + NEWS_SECONDS)
    if missing and line.lost is None:
        line.lose(min(missing), " ended before it could join, or has not started", KILLED_ADVICE)


def all_started(ranks: int) -> bool:
    """Whether submitit's local controller, our parent, still has a process for each rank.

    Only Linux lists a process's children, and only submitit's controller starts nothing but ranks.
    """
    if os.environ.get("SUBMITIT_EXECUTOR") != "local":
        return True
    parent = os.getppid()
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return True
    return len(children) >= ranks


def greet(line: Lifeline, connection: socket.socket, missing: set[int]) -> None:
    """Take in a rank that says who it is; whoever else finds the port is turned away."""
    connection.settimeout(GRACE)
    heard = messages(connection)
    hello = next(heard, {})
    rank = hello.get("rank")
    if not isinstance(rank, int) or rank not in missing:
        connection.close()
        return
    connection.settimeout(None)
    missing.remove(rank)
    line.hold(rank, connection, heard, f"process {hello.get('process')} on {hello.get('host')}")


def listening(rank: Rank) -> socket.socket:
    """Where rank 0 waits for the others; raises UsageError."""
    try:
        if rank.address == LOOPBACK:
            return socket.create_server((LOOPBACK, rank.port))
        if socket.has_dualstack_ipv6():
            return socket.create_server(
                ("", rank.port), family=socket.AF_INET6, dualstack_ipv6=True
            )
        return socket.create_server(("", rank.port))
    except OSError as error:
        raise UsageError(
            f"the ranks cannot meet at port {rank.port} of this node ({error.strerror}): start "
            "the run again, which takes another port, or name a free one in MASTER_PORT"
        ) from None


def reach(rank: Rank, deadline: float) -> socket.socket:
    """A connection to rank 0, which may not be there yet."""
    complete = time.monotonic()
    while True:
        try:
            connection = socket.create_connection((rank.address, rank.port), timeout=GRACE)
        except OSError as error:
            now = time.monotonic()
            complete = now if all_started(rank.ranks) else complete
            if now > min(deadline, complete + NEWS_SECONDS):
                where = f"{rank.address}:{rank.port} ({error.strerror})"
                raise RankLostError(0, f" cannot be reached at {where}", KILLED_ADVICE) from None
            time.sleep(0.1)
        else:
            connection.settimeout(None)
            return connection


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]
