"""How the ranks of a run learn that one of them has ended, so that none waits for it for ever.

In an all-reduce a rank waits for all others, and a library may take minutes to notice that one of
them is gone. So every rank holds a connection to rank 0, from before torch is loaded to its end:

    rank 1 --+
    rank 2 --+--> rank 0        a line of JSON each way: who is there, who is lost and why
    rank 3 --+

A rank that fails says why. One that is killed says nothing, but its connections end with it, as
the system sees to; a node without power is missed after some seconds (TCP keep-alive). Rank 0
passes on what it learns. Whoever then is still stuck, deep in a library, is ended by a thread.

Uses the standard library alone: torch takes seconds to load, and may be what fails. How the ranks
come together is in ``meeting.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from workshop.runner.ranks.rank import Rank
from workshop.util.errors import ExpectedError

GRACE = 3.0  # seconds to end by itself for a rank that has lost another
LONGEST_GOODBYE = 10.0  # for a rank that has failed to be rid of its libraries
NEWS_SECONDS = 2.0  # until the reason for a broken connection has come, too
KILLED_ADVICE = (
    "it was killed or broke: the log may hold its last words; when memory ran out, dmesg on its "
    "node or sacct -o State,MaxRSS says so"
)


class RankLostError(ExpectedError, RuntimeError):
    """Another rank has ended, and with it the run; the message names it and says why."""

    def __init__(self, rank: int, reason: str, advice: str | None = None) -> None:
        super().__init__(f"rank {rank}{reason if reason.startswith(' ') else f': {reason}'}")
        self.rank, self.advice = rank, advice
        self.message = {"lost": rank, "reason": reason, "advice": advice}


@dataclass
class Lifeline:
    """One rank's connections to the others: to all from rank 0, to rank 0 from any other.

    Attributes:
        rank: this process's.
        port: on rank 0's node, free a moment ago, where the ranks' libraries can meet.
        lost: the first rank that ended before its time.
        last_words: what to do with it when this process is ended from outside of its main thread;
            None as long as no library can keep that from ending by itself.
    """

    rank: Rank
    port: int = 0
    lost: RankLostError | None = None
    last_words: Callable[[RankLostError], object] | None = None
    connections: dict[int, socket.socket] = field(default_factory=dict)
    _done: set[int] = field(default_factory=set)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _last_word: threading.Lock = field(default_factory=threading.Lock)

    def instead_of(self, error: BaseException) -> BaseException:
        """The loss of a rank, where ``error`` is but what came of it; else ``error``."""
        if follows_from_loss(error):
            with self._changed:
                self._changed.wait_for(lambda: self.lost is not None, NEWS_SECONDS)
            return self.lost or error
        return error

    def wait_until(self, ready: Callable[[], bool], deadline: float) -> None:
        """Raises RankLostError where a rank is lost first, or the time is over."""
        with self._changed:
            self._changed.wait_for(
                lambda: ready() or self.lost is not None, deadline - time.monotonic()
            )
        if self.lost is not None:
            raise self.lost
        if not ready():
            raise RankLostError(0, " has not heard of all ranks in time", "see the log of each")

    def fail(self, reason: str, advice: str | None = None) -> None:
        """Tell the others that this rank has failed; from now on it must come to its end."""
        self.lose(self.rank.index, reason, advice, LONGEST_GOODBYE)

    def claim_last_word(self) -> None:
        """Reserve for this thread, once, the right to write how the run ended.

        Two threads may want to: the main thread, and the one that ends a process whose main thread
        waits for a rank that is gone. Where that one was first, this call blocks until it has ended
        the process.
        """
        if not self._last_word.acquire(blocking=False):
            threading.Event().wait()

    def reports_end(self) -> bool:
        """Whether this rank is the one to write how the run ended.

        Rank 0 writes it for all, and any rank its own failure, or that rank 0 is lost.
        """
        own = self.rank.index
        return self.lost is None or own == 0 or self.lost.rank in (0, own)

    def let_go(self) -> None:
        """End this rank's part: as it should be, or, after ``fail``, when rank 0 knows and is done.

        A scheduler ends all ranks when the first has ended badly, and rank 0 has a record to write.
        """
        if self.lost is None:
            self.send({"done": self.rank.index})
        elif self.rank.index == self.lost.rank != 0:
            with self._changed:
                self._changed.wait_for(lambda: 0 in self._done, LONGEST_GOODBYE)
        self._done.update(range(self.rank.ranks))
        for connection in self.connections.values():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def lose(self, rank: int, reason: str, advice: str | None, grace: float = GRACE) -> None:
        """Record that a rank has ended before its time, pass it on, and end this process, too.

        Only the first loss counts.

        Args:
            grace: seconds that this process has to end by itself.
        """
        with self._changed:
            if self.lost is not None:
                return
            self.lost = RankLostError(rank, reason, advice)
            self._changed.notify_all()
        self.send(self.lost.message)
        timer = threading.Timer(grace, self._end)
        timer.daemon = True
        timer.start()

    def _end(self) -> None:
        """End a process whose main thread cannot: it waits for a rank that is gone."""
        while self.last_words is None:  # no library has the main thread yet: it ends by itself
            time.sleep(0.1)
        if self._last_word.acquire(blocking=False) and self.lost is not None:
            with contextlib.suppress(Exception):
                self.last_words(self.lost)
        else:  # the main thread is writing it
            time.sleep(GRACE)
        os._exit(1)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to all ranks that this one is connected to."""
        for connection in list(self.connections.values()):
            with contextlib.suppress(OSError):  # gone: its own thread notices
                connection.sendall(json.dumps(message).encode() + b"\n")

    def _listen(self, rank: int, heard: Iterator[dict[str, Any]], who: str) -> None:
        """Hear what ``rank`` has to say, until it ends."""
        for message in heard:
            if "lost" in message:
                self.lose(int(message["lost"]), str(message["reason"]), message.get("advice"))
            with self._changed:
                self.port = message.get("port", self.port)
                if "done" in message:
                    self._done.add(rank)
                self._changed.notify_all()
        with self._changed:
            expected = rank in self._done
            self._done.add(rank)
            self._changed.notify_all()
        if not expected:
            self.lose(rank, f" ({who}) ended without a message", KILLED_ADVICE)

    def hold(
        self, rank: int, connection: socket.socket, heard: Iterator[dict[str, Any]], who: str
    ) -> None:
        """Keep a connection, and listen to it from now on."""
        keep_alive(connection)
        self.connections[rank] = connection
        threading.Thread(target=self._listen, args=(rank, heard, who), daemon=True).start()


def messages(connection: socket.socket) -> Iterator[dict[str, Any]]:
    """What comes, until the other end is gone or says what nobody here would."""
    with contextlib.suppress(OSError, ValueError):
        rest = b""
        while piece := connection.recv(4096):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if isinstance(message, dict):
                    yield message


def keep_alive(connection: socket.socket) -> None:
    """Let the system ask, every few seconds, whether the other end's node is still there."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def follows_from_loss(error: BaseException) -> bool:
    """Whether it is what a library says when another rank is gone. Reads names and texts."""
    text = str(error)
    return type(error).__name__.startswith("Dist") or any(
        sign in text for sign in ("gloo", "NCCL", "Connection closed by peer", "Connection reset")
    )
