"""The judge's side of a run: have a file loaded, call its functions, hear how it ended.

What comes back is data and nothing else: no answer can say that it is right. Each call has a number
that nobody can guess, and its answer must carry it; an answer that no call has asked for ends the
run.
"""

from __future__ import annotations

import dataclasses
import secrets
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from workshop.judge import wire
from workshop.judge.limits import MB, Limits
from workshop.judge.plain import NotPlainError
from workshop.judge.server import ForkServer, ServerError, end, fork_server, give, wait_until_ready

__all__ = [
    "FaultError", "ForkServer", "RunEndedError", "ServerError", "Student", "fork_server",
    "student", "wait_until_ready",
]  # fmt: skip

GRACE = 5  # seconds beyond a run's own limit until its fork server is given up
MOST_BYTES_OF_FILE = MB  # of those that lie beside the file and are there for it to read
MOST_BYTES_OF_FOLDER = 8 * MB
LONGEST_QUESTION = 200  # characters of one that is told, which may have millions
NO_SERVER = "no server"
NO_ANSWERS: Mapping[str, Callable[..., Any]] = {}


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

    def call(
        self, name: str, *arguments: Any, answers: Mapping[str, Callable[..., Any]] = NO_ANSWERS
    ) -> Any:
        """What the function returns; ``driver:name`` is one of the exercise's driver.

        Args:
            answers: what it may ask the judge for while it runs, and the function that answers: for
                ``asking:name``, one of the driver's that is given the means to ask.

        Raises:
            FaultError, RunEndedError: no value came back, and why.
        """
        if self.ended is not None:
            raise RunEndedError(self.why())
        if select.select([self.channel], [], [], 0)[0]:  # an answer, before there is a call
            early = self.has_more()
            self.stop()
            raise RunEndedError(UNASKED if early else self.why())
        number = secrets.token_hex(8)
        self.channel.settimeout(max(0.01, self.deadline - time.monotonic()))
        try:
            wire.send(self.channel, [number, name, list(arguments)])
        except OSError:
            self.stop()
            raise RunEndedError(self.why()) from None
        return self.receive(number, answers)

    def receive(self, number: str, answers: Mapping[str, Callable[..., Any]] = NO_ANSWERS) -> Any:
        """The answer to the call of that number."""
        while True:
            message = self.next_message()
            if message.get("id") != number:
                self.stop()
                raise RunEndedError(UNASKED)
            if "asks" not in message:
                break
            self.reply(message["asks"], answers)
        if "fault" in message:
            raise fault_of(message["fault"])
        return message["value"]

    def reply(self, question: Any, answers: Mapping[str, Callable[..., Any]]) -> None:
        """Answer what their process asks, which may be anything."""
        try:
            name, arguments = question
            value = answers[name](*arguments)
        except (TypeError, ValueError, LookupError) as error:
            self.stop()
            asked, why = (
                printable(text)[:LONGEST_QUESTION] for text in (repr(question), str(error))
            )
            told = f"it asked for something that there is not: {asked} ({why})"
            raise FaultError("raised", told) from None
        with suppress(OSError):  # it is gone; hearing from it will tell
            wire.send(self.channel, value)

    def next_message(self) -> dict[str, Any]:
        """The next thing that comes: an answer, or a question."""
        try:
            message = wire.receive(self.channel, self.limits.answer_mb * MB, self.deadline)
        except wire.ClosedError:
            self.stop()
            raise RunEndedError(self.why()) from None
        except (NotPlainError, TimeoutError) as error:
            self.stop()  # where the next message begins, nobody knows
            raise FaultError("not plain", f"the answer cannot be read: {error}") from None
        if not isinstance(message, dict) or not message.keys() & {"value", "fault", "asks"}:
            self.stop()
            raise FaultError("not plain", "the answer cannot be read")
        return message

    def has_more(self) -> bool:
        """Whether something was sent that is not read yet; False where the other end is closed."""
        try:
            self.channel.setblocking(False)
            return bool(self.channel.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def finish(self) -> None:
        """Let a run end from which nothing more is wanted.

        Raises:
            RunEndedError: it has sent more, or gone too far all the same.
        """
        if self.ended is not None:
            return
        with suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)
        self.hear()
        more = self.has_more()
        self.channel.close()
        if more or self.ended != "done":
            raise RunEndedError(UNASKED if more else self.why())

    def stop(self) -> None:
        """End it here and now, and hear how it has ended."""
        if self.ended is None:
            self.channel.close()
            self.hear()

    def hear(self) -> None:
        """Wait for the fork server to say how it ended."""
        try:
            wait = time.monotonic() + self.limits.seconds + 2 * GRACE
            outcome = wire.receive(self.server.orders, MB, wait)
            self.ended = outcome["ended"]
            self.output = printable(outcome["output"].decode(errors="replace"))
            self.server.usable = outcome["clean"]
        except (OSError, NotPlainError, TypeError, KeyError, AttributeError):
            end(self.server)  # it is dead, stopped, or not itself any more: the next is another
            self.ended = NO_SERVER

    def why(self) -> str:
        """How it ended, in a participant's words."""
        ended, limits = self.ended or "", self.limits
        if ended in ENDINGS:
            return ENDINGS[ended].format(limits=limits)
        if ended.startswith("signal"):
            number = int(ended.split()[1])
            if number == signal.SIGKILL:
                return "the process was killed"
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
    "threads": "it started hundreds of threads",
    "memory": "it used more than {limits.memory_mb} MB of memory",
    "disk": "it wrote more than {limits.disk_mb} MB, or thousands of files, "
    "or folders too deep to be looked at",
    "done": "the process left before it answered: does something call exit()?",
    NO_SERVER: "it ended, or held up, the process that watches over it, "
    "which is no part of the exercise",
}
UNASKED = "an answer came that no call had asked for: the run was ended, and nothing of it counts"
WALLED = "this runs without the network, other processes, and files but its own"


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
        article = "an" if name[:1].lower() in set("aeio") else "a"
        return FaultError(kind, f"it returned {article} {name}: {text}")
    if name == "MemoryError" or "can't allocate memory" in text:
        return FaultError("raised", f"it ran out of memory{where}")
    if name == "PermissionError":
        return FaultError("raised", f"{name}{where}: {text} ({WALLED})")
    return FaultError("raised", f"{name}{where}: {text}" if text else f"{name}{where}")


def printable(text: str) -> str:
    """Without what moves a terminal's cursor or colours it; later lines are set in.

    So nothing that participants' code says looks like a line of the judge's.
    """
    lines = text.replace("\r", "\n").splitlines()
    kept = ("".join(c if c.isprintable() else " " for c in line) for line in lines)
    return "\n    ".join(kept).rstrip()


@contextmanager
def student(
    server: ForkServer,
    file: Path,
    driver: Path | None = None,
    limits: Limits | None = None,
    imports: Sequence[str] = (),
) -> Iterator[Student]:
    """Have ``file`` loaded in a fresh fork; calls go to it until the block ends.

    The fork gets copies of the file, of those beside it, and of the driver, in a folder that is
    empty otherwise. A server that has died meanwhile is started anew.

    Args:
        imports: installed modules to import before the fork, once for all: slow ones that it needs.

    Raises:
        FaultError, RunEndedError: the file could not be loaded, or more was sent than asked for.
        ServerError, IsolationError: nothing can be run here, whoever's it is.
    """
    limits = limits or Limits()
    ready = secrets.token_hex(8)
    order = {
        "file": file.name,
        "files": beside(file),
        "driver": driver.read_bytes() if driver else None,
        "limits": dataclasses.asdict(limits),
        "imports": list(imports),
        "ready": ready,
    }
    ours, theirs = socket.socketpair()
    with closing(ours):
        with closing(theirs):
            give(server, order, theirs)
        run = Student(server, ours, limits)
        try:
            run.receive(ready)
            yield run
            run.finish()
        finally:
            run.stop()


def beside(file: Path) -> list[tuple[str, bytes]]:
    """The file, and what lies beside it, by name; what is too large to be read along is left out.

    No links: what they lead to is not the participant's. Raises FaultError.
    """
    try:
        if file.stat().st_size > MOST_BYTES_OF_FILE:
            raise FaultError("raised", f"{file.name} has more than {MOST_BYTES_OF_FILE // MB} MB")
        found = [(file.name, file.read_bytes())]
    except OSError as error:
        raise FaultError("missing", f"{file.name} cannot be read: {error.strerror}") from None
    room = MOST_BYTES_OF_FOLDER - len(found[0][1])
    for path in sorted(file.parent.iterdir()):
        if path == file or path.is_symlink() or not path.is_file():
            continue
        size = path.stat().st_size
        if size <= min(MOST_BYTES_OF_FILE, room):
            found.append((path.name, path.read_bytes()))
            room -= size
    return found
