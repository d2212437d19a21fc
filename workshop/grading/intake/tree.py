"""Files from outside, written into a folder of ours: the one place where names and bounds are held.

Whatever a file comes from (an archive, a folder on a shared disk), only its name, its bytes and its
time come in. No mode, no owner, no link, nothing that is not a plain file.
"""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from workshop.grading.intake.left_out import LeftOut, Reason

MIB = 1024 * 1024
TOP = PurePosixPath()
CHUNK = 64 * 1024

# Of no use to anybody who grades, and made by tools: left out without a word, unless it is large.
JUNK = frozenset(
    (
        *("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", "__pycache__", ".git", ".svn"),
        *(".hg", ".venv", "venv", "node_modules", ".ipynb_checkpoints", ".pytest_cache"),
        *(".mypy_cache", ".ruff_cache", ".hypothesis", ".idea", ".vscode"),
    )
)

ESCAPE = Reason("doubt", "its name leads out of the submission")
NAMELESS = Reason("note", "its name is empty or cannot be written")
CONTROL = Reason("doubt", "its name has control characters or turns the direction of writing")
LONG = Reason("note", "its name is too long")
DEEP = Reason("note", "it lies too many folders deep")
CLASH = Reason("doubt", "another file has that name, but for case or the way it is encoded")
LARGE = Reason("note", "it is larger than a file may be")
BOMB = Reason("doubt", "it unpacks to far more than it takes up: a bomb, or a hole")
LINK = Reason("doubt", "it is a link, and links are never followed: hand in the file itself")
SPECIAL = Reason("doubt", "it is no plain file, but a device, a pipe or a socket")
UNREADABLE = Reason("doubt", "it cannot be read")
BULK = Reason("note", "tools made it, nobody grades it, and it is large")
BROKEN = Reason("doubt", "it is damaged or cut off")
FULL = Reason("doubt", "it has more files or bytes, or takes longer, than is allowed")

_DRIVE = re.compile(r"[A-Za-z]:")
_BIDI = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Bounds:
    """What a submission may have at most; beyond it, what has come in is kept and the rest told.

    Attributes:
        total, file: bytes, as written: what an archive claims counts for nothing.
        files: that are taken.
        entries: that are looked at.
        depth: folders.
        component, path: bytes of a name, and of all names on the way to it.
        ratio: bytes written for each that the archive has, beyond the first 4 MiB of a file.
        seconds: for all of it.
    """

    total: int = 128 * MIB
    file: int = 16 * MIB
    files: int = 4_000
    entries: int = 20_000
    depth: int = 20
    component: int = 200
    path: int = 800
    ratio: int = 250
    seconds: float = 120.0


class FullError(Exception):
    """A bound of the whole was reached: nothing more comes in."""


class RoomError(Exception):
    """Our own disk does not take it: a fault of ours, never told as one of a participant."""


@dataclass
class Tree:
    """A fresh folder that files come into.

    Attributes:
        taken: what came in, by a key that is the same for names that some disk takes for the same.
    """

    root: Path
    left_out: LeftOut
    bounds: Bounds = Bounds()
    taken: dict[str, PurePosixPath] = field(default_factory=dict)
    written: int = 0
    entries: int = 0
    deadline: float = field(init=False)
    _folders: set[PurePosixPath] = field(default_factory=set)  # that are there

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.bounds.seconds

    @property
    def files(self) -> list[PurePosixPath]:
        return sorted(self.taken.values())

    def drop(self, path: PurePosixPath) -> None:
        """Take a file out again."""
        (self.root / path).unlink()
        del self.taken[key(path)]

    def look(self) -> None:
        """Count an entry, whatever becomes of it; raises FullError."""
        self.entries += 1
        if self.entries > self.bounds.entries or time.monotonic() > self.deadline:
            raise FullError

    def take(
        self,
        name: str,
        read: Callable[[int], bytes],
        *,
        below: PurePosixPath = TOP,
        packed: int | None = None,
        modified: float | None = None,
    ) -> None:
        """Let one file in, or tell why not.

        Args:
            name: as the archive or the folder has it, with slashes.
            read: up to so many bytes; none at the end. What it raises is raised.
            below: the folder that it goes into.
            packed: bytes that the archive has of it.
            modified: seconds since 1970.

        Raises:
            FullError: the whole has reached a bound.
            RoomError: the disk is full, or may not be written to.
        """
        path = self._path_of(name, below, packed)
        why = path if path is None or isinstance(path, Reason) else self._store(path, read, packed)
        if isinstance(why, Reason):
            self.left_out.tell(why, name)
        elif isinstance(path, PurePosixPath):
            if modified is not None and 0 <= modified < 2**33:
                os.utime(self.root / path, (modified, modified))
            self.taken[key(path)] = path

    def _path_of(
        self, name: str, below: PurePosixPath, packed: int | None
    ) -> PurePosixPath | Reason | None:
        """Where a file goes, or why it goes nowhere; None of small junk, which nobody misses."""
        inside = safe(name, self.bounds)
        if isinstance(inside, Reason):
            return inside
        path = below / inside
        if is_junk(path):
            return BULK if packed is not None and packed > MIB else None
        if len(self.taken) >= self.bounds.files:
            raise FullError
        return CLASH if key(path) in self.taken else path

    def _store(
        self, path: PurePosixPath, read: Callable[[int], bytes], packed: int | None
    ) -> Reason | None:
        """Write a file whole, or not at all; returns why not."""
        target = self.root / path
        try:
            handle = self._open(target, path.parent)
        except (FileExistsError, NotADirectoryError):  # a file where a folder is, or the reverse
            return CLASH
        except OSError as error:
            raise RoomError(f"{target.parent}: {error.strerror}") from error
        whole = False
        try:
            why = self._write(handle, read, packed)
            whole = why is None
        finally:
            os.close(handle)
            if not whole:
                target.unlink(missing_ok=True)
        return why

    def _open(self, target: Path, parent: PurePosixPath) -> int:
        """A new file for writing, and the folders that it needs; follows no link."""
        if parent not in self._folders:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(parent)
        return os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)

    def _write(
        self, handle: int, read: Callable[[int], bytes], packed: int | None
    ) -> Reason | None:
        size = 0
        most = min(self.bounds.file, self.bounds.total)
        while chunk := read(CHUNK):
            size += len(chunk)
            self.written += len(chunk)
            if self.written > self.bounds.total or time.monotonic() > self.deadline:
                raise FullError
            if size > most:
                return LARGE
            if packed is not None and size > max(4 * MIB, packed * self.bounds.ratio):
                return BOMB
            try:
                view = memoryview(chunk)
                while view:
                    view = view[os.write(handle, view) :]
            except OSError as error:
                raise RoomError(f"{self.root}: {error.strerror}") from error
        return None


def safe(name: str, bounds: Bounds) -> PurePosixPath | Reason:
    """A name as a path below some folder, or why it cannot be one.

    Backslashes are taken for slashes: an archive from Windows may have them, and elsewhere nobody
    names a file so by chance.
    """
    try:
        text = unicodedata.normalize("NFC", name).replace("\\", "/")
        text.encode()
    except UnicodeEncodeError:
        return NAMELESS
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if not parts:
        return NAMELESS
    if text.startswith("/") or ".." in parts or _DRIVE.match(parts[0]):
        return ESCAPE
    if any(unicodedata.category(char) == "Cc" or char in _BIDI for char in text):
        return CONTROL
    if len(parts) > bounds.depth:
        return DEEP
    if len(text.encode()) > bounds.path or any(len(p.encode()) > bounds.component for p in parts):
        return LONG
    return PurePosixPath(*parts)


def key(path: PurePosixPath) -> str:
    """The same for two names that some disk or some reader takes for the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", str(path)).casefold())


def is_junk(path: PurePosixPath) -> bool:
    return any(part in JUNK or part.startswith("._") for part in path.parts) or (
        path.suffix in (".pyc", ".pyo")
    )
