"""What grading keeps from one time to the next, so that only what changed is run again.

    OUT/log.jsonl            everything that was done, a line each
    OUT/work/                private: mode 0700
        seed                 of all inputs; whoever knows it knows what hidden checks will ask
        lock                 one `workshop grade` of an OUT at a time
        kept/<digest>.json   how the checks of one exercise of one attempt went
        unpacked/            the submissions, brought to one layout

A digest is over everything that a result depends on: the files handed in, our checks and package,
the inputs' seed, the isolation. What has it is not run again; who it belongs to does not matter.
Each file is written whole or not at all: killed at any moment, grading goes on where it was.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from workshop.util import files
from workshop.util.assets import PACKAGE
from workshop.util.errors import UsageError

T = TypeVar("T")
WORK, KEPT, SEED, LOCK, LOG = "work", "kept", "seed", "lock", "log.jsonl"
SEED_BITS = 63
CHUNK = 1 << 20


@contextlib.contextmanager
def opened(out: Path) -> Iterator[Path]:
    """``OUT/work``, made if need be, and nobody else's until the block ends.

    Raises:
        UsageError: another ``workshop grade`` is at work there, or nothing can be written.
    """
    work = out / WORK
    fresh = not work.exists()
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        work.mkdir(mode=0o700, exist_ok=True)
        work.chmod(0o700)
        (work / KEPT).mkdir(exist_ok=True)
        lock = os.open(work / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}; choose another -o") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another 'workshop grade' is at work in {out}: wait for its end, "
                "or choose another -o"
            ) from None
        except OSError as error:
            raise UsageError(
                f"the file system of {out} has no locks ({error.strerror}): choose another -o"
            ) from None
        try:
            yield work
        except UsageError:
            if fresh:
                leave_nothing(out)
            raise
    finally:
        os.close(lock)


def leave_nothing(out: Path) -> None:
    """Take away an ``OUT/work`` in which nothing was graded, and OUT if that leaves it empty."""
    with contextlib.suppress(OSError):
        (out / WORK / KEPT).rmdir()  # fails where something is kept
        shutil.rmtree(out / WORK)
        out.rmdir()


def the_seed(work: Path, given: int | None) -> int:
    """The secret that all inputs are drawn from: ``given``, the one kept, or a fresh one; kept.

    Raises:
        UsageError: the file that it is kept in holds something else.
    """
    path = work / SEED
    if given is None and path.is_file():
        text = path.read_text(encoding="ascii", errors="replace").strip()
        if not text.isdecimal():
            raise UsageError(f"{path} does not hold a seed: remove it to have a new one drawn")
        return int(text)
    seed = secrets.randbits(SEED_BITS) if given is None else given
    files.write(path, f"{seed}\n".encode())  # in a folder that is private already
    path.chmod(0o600)
    return seed


def derived(seed: int, exercise: str, attempt: int) -> int:
    """The seed of an exercise's inputs.

    All first attempts get the same inputs: nobody has an easier draw, and a grade can be repeated
    with ``workshop check EXERCISE --file F --seed N``. Second attempts get others: feedback on the
    first one has told some of them.
    """
    digest = hashlib.sha256(f"{seed} {exercise} {attempt}".encode()).digest()
    return int.from_bytes(digest[:6], "big")


def digest_of(*parts: object) -> str:
    """A digest of what these say, each by itself; strings, numbers and the like."""
    return hashlib.sha256("\0".join(map(repr, parts)).encode("utf-8", "replace")).hexdigest()


def digest_of_files(folder: Path, pattern: str = "*") -> str:
    """A digest of the names and contents of all files below a folder that match."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob(pattern)):
        if path.is_file() and "__pycache__" not in path.parts:
            name = os.fsencode(path.relative_to(folder))
            digest.update(len(name).to_bytes(8, "big") + name)
            digest.update(path.stat().st_size.to_bytes(8, "big"))
            with path.open("rb") as file:
                while part := file.read(CHUNK):
                    digest.update(part)
    return digest.hexdigest()


@cache
def digest_of_package() -> str:
    """Of all our code: with another version, everything is graded again."""
    return digest_of_files(PACKAGE, "*.py")


def stored(work: Path, digest: str, kind: type[T]) -> T | None:
    """What was kept under a digest; None where nothing was, or what cannot be read."""
    try:
        return msgspec.json.decode((work / KEPT / f"{digest}.json").read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None


def keep(work: Path, digest: str, value: Any) -> None:
    files.write(work / KEPT / f"{digest}.json", as_json(value))


def as_json(value: Any) -> bytes:
    """As JSON; what is no Unicode (a name of other bytes) has question marks in its place."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(printable(msgspec.to_builtins(value)))


def printable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [printable(one) for one in value]
    if isinstance(value, dict):
        return {printable(name): printable(one) for name, one in value.items()}
    return value


def note(out: Path, what: str, **more: Any) -> None:
    """Add a line to the log of everything done: when, what, and what belongs to it."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    line = as_json({"when": now, "what": what, **more}) + b"\n"
    with (out / LOG).open("ab", buffering=0) as file:
        file.write(line)
