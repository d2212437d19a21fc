"""Tar archives, compressed or not: their plain files, as far as they can be read.

https://docs.python.org/3/library/tarfile.html#hints-for-further-verification
"""

from __future__ import annotations

import os
import tarfile
import tempfile
import time
from pathlib import PurePosixPath
from typing import IO, Any

from workshop.grading.intake.guarded import DAMAGED, NO_ARCHIVE, Guarded, is_small_junk
from workshop.grading.intake.left_out import Reason
from workshop.grading.intake.tree import (
    BOMB,
    BROKEN,
    CHUNK,
    FULL,
    LINK,
    MIB,
    SPECIAL,
    FullError,
    RoomError,
    Tree,
)

SPARSE = Reason("doubt", "it is a sparse file, which may be of any size")
_HEADER = 16 * 1024  # bytes of one header: long names, not attributes by the megabyte
_RATIO_FROM = 32 * MIB


def untar_compressed(
    source: Any, file: Guarded, name: str, tree: Tree, below: PurePosixPath
) -> None:
    """Decompress into a file that can be read back and forth, and unpack what came of it."""
    try:
        plain = tempfile.TemporaryFile(dir=tree.root)  # noqa: SIM115
    except OSError as error:
        raise RoomError(f"{tree.root}: {error.strerror}") from error
    with plain:
        why = _inflate(source, plain, os.fstat(file.fileno()).st_size, tree)
        if why is not None:
            tree.left_out.tell(why, name)
        try:
            if plain.tell():
                untar(os.dup(plain.fileno()), name, tree, below, whole=why is None)
        except (FullError, RoomError):
            raise
        except Exception:
            if why is None:  # else it is clear that it ends in the middle of something
                raise


def _inflate(source: Any, plain: IO[bytes], size: int, tree: Tree) -> Reason | None:
    """Decompress, as far as it goes; why it did not come to its end."""
    why = None
    total = tree.bounds.total + 1024 * tree.bounds.entries  # files, and their headers
    most = min(total, max(_RATIO_FROM, size * tree.bounds.ratio))
    while True:
        try:
            chunk = source.read1(CHUNK)
        except FullError:
            raise
        except Exception:  # cut off, or damaged: what came before is kept
            why = DAMAGED
            break
        if not chunk:
            break
        if plain.tell() + len(chunk) > most:
            why = FULL if most == total else BOMB
            break
        if time.monotonic() > tree.deadline:
            raise FullError
        try:
            plain.write(chunk)
        except OSError as error:
            raise RoomError(f"{tree.root}: {error.strerror}") from error
    try:
        plain.flush()
    except OSError as error:
        raise RoomError(f"{tree.root}: {error.strerror}") from error
    return why


def untar(handle: int, name: str, tree: Tree, below: PurePosixPath, *, whole: bool = True) -> None:
    with Guarded(handle, "rb") as file:
        file.seek(0)
        file.most, file.deadline = _HEADER, tree.deadline
        try:
            archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115
        except tarfile.ReadError:
            if whole:
                tree.left_out.tell(NO_ARCHIVE, name)
            return
        with archive:
            while (member := archive.next()) is not None:
                _member(file, member, tree, below)
            file.seek(archive.offset)
            end = file.read(512)
            if whole and (not end or end.strip(b"\0")):  # no block of zeros ends it
                tree.left_out.tell(DAMAGED, name)


def _member(file: Guarded, member: tarfile.TarInfo, tree: Tree, below: PurePosixPath) -> None:
    name = member.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if member.isdir() or is_small_junk(name, member.size):
        return
    tree.look()
    if member.issym() or member.islnk():
        tree.left_out.tell(LINK, name)
    elif not member.isreg():
        tree.left_out.tell(SPECIAL, name)
    elif member.issparse():
        tree.left_out.tell(SPARSE, name)
    elif member.size < 0:
        raise ValueError("a file of negative size")
    else:
        file.seek(member.offset_data)
        content = _Content(file, member.size)
        try:
            tree.take(name, content.read, below=below, modified=float(member.mtime))
        except EOFError:
            tree.left_out.tell(BROKEN, name)


class _Content:
    """The bytes of one member."""

    def __init__(self, file: Guarded, size: int) -> None:
        self.file = file
        self.left = size

    def read(self, count: int) -> bytes:
        """Up to so many bytes; raises EOFError where the archive ends before the member does."""
        chunk = self.file.read(min(count, self.left, _HEADER))
        if not chunk and self.left:
            raise EOFError
        self.left -= len(chunk)
        return chunk
