"""The judge's side: start a fork server, have a file run, call its functions, hear how it ended."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop.judge import wire
from workshop.judge.isolation import Isolation, walls
from workshop.judge.limits import MB, Limits
from workshop.judge.plain import NotPlainError

GRACE = 5  # seconds beyond a run's own limit until its fork server is given up
# What a participant's code gets of the judge's environment.
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")


class RunEndedError(Exception):
    """The run ended before it gave an answer; the message is for a participant."""


class FaultError(Exception):
    """Their code raised, or returned what is no plain data; the message is for a participant.

    Attributes:
        kind: ``raised``, ``not written``, ``missing`` or ``not plain``.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True)
class ForkServer:
    """A running fork server, and the socket for orders to it."""

    process: subprocess.Popen[bytes]
    orders: socket.socket


@contextmanager
def fork_server(
    home: Path,
    isolation: Isolation = "process",
    folder: Path | None = None,
    readable: Sequence[Path] = (),
) -> Iterator[ForkServer]:
    """Start one, and end it with all its runs.

    Args:
        home: a folder that its runs may write to; nothing else, where the isolation sees to it.
        folder: what it may read, where the isolation sees to that: the files to run.
        readable: further files that it may read: an exercise's driver.
    """
    ours, theirs = socket.socketpair()
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"HOME": str(home), "TMPDIR": str(home), "OMP_NUM_THREADS": "1"}
    python = [sys.executable, "-I", "-m", "workshop.judge.forkserver", str(theirs.fileno())]
    with closing(ours), ExitStack() as at_end:
        process = subprocess.Popen(
            [*walls(isolation, folder or home, readable, home), *python],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd=home,
        )
        at_end.callback(end, process)
        theirs.close()
        yield ForkServer(process, ours)


def end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until_ready(server: ForkServer) -> None:
    """Wait for the imports to be done; raises ClosedError where the server could not start."""
    wire.receive(server.orders, 1000)


class Student:
    """A file at work: its functions can be called.

    Attributes:
        ended: how it ended, once it has.
        output: the last of what it printed, then.
    """

    def __init__(self, server: ForkServer, channel: socket.socket, limits: Limits) -> None:
        self.server, self.channel, self.limits = server, channel, limits
        self.deadline = time.monotonic() + limits.seconds + GRACE
        self.ended: str | None = None
        self.output = ""

    def call(self, name: str, *arguments: Any) -> Any:
        """What the function returns; ``driver:name`` is one of the exercise's driver.

        Raises:
            FaultError, RunEndedError: no value came back, and why.
        """
        try:
            wire.send(self.channel, [name, list(arguments)])
        except OSError:
            self.stop()
            raise RunEndedError(self.why()) from None
        return self.receive()

    def receive(self) -> Any:
        self.channel.settimeout(max(0.01, self.deadline - time.monotonic()))
        try:
            message = wire.receive(self.channel, self.limits.answer_mb * MB)
        except wire.ClosedError:
            self.stop()
            raise RunEndedError(self.why()) from None
        except (NotPlainError, TimeoutError) as error:
            raise FaultError("not plain", f"the answer cannot be read: {error}") from None
        if not isinstance(message, dict) or not ("value" in message or "fault" in message):
            raise FaultError("not plain", "the answer cannot be read")
        if "fault" in message:
            raise fault_of(message["fault"])
        return message["value"]

    def stop(self) -> None:
        """Let it end, and hear how."""
        if self.ended is not None:
            return
        self.channel.close()
        self.server.orders.settimeout(self.limits.seconds + 2 * GRACE)
        outcome = wire.receive(self.server.orders, MB)
        self.ended = outcome["ended"]
        self.output = outcome["output"].decode(errors="replace")

    def why(self) -> str:
        """How it ended, in a participant's words."""
        ended, limits = self.ended or "", self.limits
        if ended in ENDINGS:
            return ENDINGS[ended].format(limits=limits)
        if ended.startswith("signal"):
            number = int(ended.split()[1])
            if number == signal.SIGXCPU:
                return f"it used more than {limits.cpu_seconds} seconds of CPU time"
            if number == signal.SIGXFSZ:
                return f"it wrote a file of more than {limits.file_mb} MB"
            return f"the process crashed ({signal.Signals(number).name})"
        return f"the process left before it answered ({ended})"


ENDINGS = {
    "seconds": "it was not done after {limits.seconds:g} seconds: an endless loop?",
    "output": "it printed more than {limits.output_kb} kB",
    "processes": "it started another process, which this exercise does not need",
    "done": "the process left before it answered: does something call exit()?",
}


def fault_of(fault: Any) -> FaultError:
    """The error that a child told of, of which no word is trusted."""
    told = fault if isinstance(fault, dict) else {}
    kind, name, text = (str(told.get(key, ""))[:2000] for key in ("kind", "type", "text"))
    line = told.get("line")
    where = f" (line {line})" if isinstance(line, int) and not isinstance(line, bool) else ""
    if kind == "missing":
        return FaultError(kind, f"there is no function {text} in the file")
    if kind == "not written":
        return FaultError(kind, f"not written yet{where}{': ' + text if text else ''}")
    if kind == "not plain":
        return FaultError(kind, f"it returned a {name}: {text}")
    if name == "MemoryError" or "can't allocate memory" in text:
        return FaultError("raised", f"it ran out of memory{where}")
    return FaultError("raised", f"{name}{where}: {text}" if text else f"{name}{where}")


@contextmanager
def student(
    server: ForkServer,
    file: Path,
    driver: Path | None = None,
    limits: Limits | None = None,
    imports: Sequence[str] = (),
) -> Iterator[Student]:
    """Have ``file`` loaded in a fresh fork; calls go to it until the block ends.

    Args:
        imports: installed modules to import before the fork, once for all: slow ones that it needs.

    Raises:
        FaultError, RunEndedError: the file could not be loaded.
    """
    limits = limits or Limits()
    ours, theirs = socket.socketpair()
    socket.send_fds(server.orders, [b"!"], [theirs.fileno()])
    theirs.close()
    order = {
        "file": str(file.resolve()),
        "driver": str(driver) if driver else None,
        "directory": str(file.resolve().parent),
        "limits": dataclasses.asdict(limits),
        "imports": list(imports),
    }
    wire.send(server.orders, order)
    run = Student(server, ours, limits)
    try:
        run.receive()
        yield run
    finally:
        run.stop()
