"""Archives of people nobody vouches for: unpacked within bounds, as plain files only.

No path leads out, no link or device is made, modes are dropped, and what an archive claims about
sizes counts for nothing: bytes are counted as they are written. What could be read of a damaged
archive is kept. Archives in archives stay files; who wants them unpacked asks for it once more.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import os
import stat
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from workshop.grading.intake.guarded import DAMAGED, NO_ARCHIVE, Guarded
from workshop.grading.intake.left_out import Reason
from workshop.grading.intake.tree import SPECIAL, TOP, UNREADABLE, FullError, RoomError, Tree
from workshop.grading.intake.untar import untar, untar_compressed
from workshop.grading.intake.unzip import NO_LIST, unzip

SUFFIXES = (
    *(".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz"),
    *(".tar.zst", ".tzst"),
)
# Named as what they are, so that nobody wonders.
FOREIGN = (".7z", ".rar", ".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".cab", ".dmg", ".iso")

EMPTY = Reason("doubt", "there is no file in it")
FOREIGN_KIND = Reason("doubt", "its kind of archive is not read here: ask for a zip")
NO_ZSTD = Reason("doubt", "zstd is read by Python 3.14 and later only: ask for a zip")
_ZSTD = b"\x28\xb5\x2f\xfd"


def suffix_of(name: str) -> str | None:
    """The ending that says that it is an archive read here; None where none does."""
    return _ending(name, SUFFIXES)


def stem_of(name: str) -> str:
    """A name without the ending of an archive."""
    end = _ending(name, (*SUFFIXES, *FOREIGN))
    return name[: -len(end)] if end else name


def _ending(name: str, endings: Sequence[str]) -> str | None:
    longest_first = sorted(endings, key=len, reverse=True)
    return next((end for end in longest_first if name.lower().endswith(end)), None)


def is_foreign(name: str) -> bool:
    """Whether it is an archive by its name, but of a kind that is not read."""
    return suffix_of(name) is None and name.lower().endswith(FOREIGN)


def unpack(archive: Path, tree: Tree, below: PurePosixPath = TOP) -> None:
    """Let an archive's plain files into a tree, as far as they can be read; the rest is told.

    Raises:
        FullError, RoomError: as Tree.take; what has come in stays.
    """
    name = archive.name
    if is_foreign(name):
        tree.left_out.tell(FOREIGN_KIND, name)
        return
    try:
        handle = os.open(archive, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        tree.left_out.tell(UNREADABLE, name)
        return
    with Guarded(handle, "rb") as file:
        file.deadline = tree.deadline
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            tree.left_out.tell(SPECIAL, name)
            return
        seen, left_out = tree.entries, tree.left_out.count
        try:
            _by_its_first_bytes(file, name, tree, below)
        except (FullError, RoomError):
            raise
        except zipfile.BadZipFile:
            tree.left_out.tell(NO_LIST, name)
        except Exception:  # whatever a parser trips over is the archive's fault
            tree.left_out.tell(DAMAGED, name)
        if (tree.entries, tree.left_out.count) == (seen, left_out):
            tree.left_out.tell(EMPTY, name)


def _by_its_first_bytes(file: Guarded, name: str, tree: Tree, below: PurePosixPath) -> None:
    start = file.read(512)
    file.seek(0)
    if not start:
        return
    if start.startswith(b"PK"):
        unzip(file, tree, below)
    elif suffix_of(name) == ".zip":
        tree.left_out.tell(NO_ARCHIVE, name)
    elif (opened := _decompressor(start)) is not None:
        untar_compressed(opened(file), file, name, tree, below)
    elif start.startswith(_ZSTD):
        tree.left_out.tell(NO_ZSTD, name)
    else:
        untar(os.dup(file.fileno()), name, tree, below)


def _decompressor(start: bytes) -> Callable[[Any], Any] | None:
    if start.startswith(b"\x1f\x8b"):
        return gzip.open
    if start.startswith(b"BZh"):
        return bz2.open
    if start.startswith(b"\xfd7zXZ\x00"):
        return lzma.open
    if start.startswith(_ZSTD):
        try:
            return importlib.import_module("compression.zstd").open
        except ImportError:
            return None
    return None
