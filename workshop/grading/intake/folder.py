"""A folder on a disk that others may write to, copied without following a single link.

Every step goes from an open folder to the next, so that nothing can be put in its place meanwhile.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

from workshop.grading.intake.tree import (
    DEEP,
    JUNK,
    LARGE,
    LINK,
    SPECIAL,
    TOP,
    UNREADABLE,
    FullError,
    Tree,
)

MOST_LOOKED_AT = 1000  # entries of a folder that may be empty
NOBODYS = ("timestamp.txt", "submission_secret.txt", ".gitkeep")  # nbgrader's, and Git's

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def copy(source: Path, tree: Tree, below: PurePosixPath = TOP, name: str | None = None) -> None:
    """Copy what is plain in a folder, or one file as ``name``; what is not is told.

    Raises:
        FullError, RoomError: as Tree.take.
    """
    try:
        parent = os.open(source.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        tree.left_out.tell(UNREADABLE, source.name)
        return
    try:
        _entry(parent, source.name, PurePosixPath(name or source.name), tree, below, top=True)
    finally:
        os.close(parent)


def is_empty(folder: Path) -> bool:
    """Whether it is a folder in which there is nothing but folders and what tools leave behind.

    A link counts as something: it is told of. False where that cannot be seen in ``MOST_LOOKED_AT``
    entries, or for a file.
    """
    if folder.is_symlink() or not folder.is_dir():
        return False
    waiting, looked = [folder], 0
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    looked += 1
                    if entry.name in JUNK or entry.name in NOBODYS:
                        continue
                    if looked > MOST_LOOKED_AT or not entry.is_dir(follow_symlinks=False):
                        return False
                    waiting.append(Path(entry.path))
        except OSError:
            return False
    return True


def _entry(
    parent: int, name: str, path: PurePosixPath, tree: Tree, below: PurePosixPath, *, top: bool
) -> None:
    tree.look()
    try:
        kind = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISLNK(kind.st_mode):
            tree.left_out.tell(LINK, str(path))
        elif stat.S_ISDIR(kind.st_mode):
            _folder(parent, name, TOP if top else path, tree, below)
        elif not stat.S_ISREG(kind.st_mode):
            tree.left_out.tell(SPECIAL, str(path))
        elif kind.st_size > tree.bounds.file:
            tree.left_out.tell(LARGE, str(path))
        else:
            _file(parent, name, path, tree, below)
    except (OSError, ValueError):
        tree.left_out.tell(UNREADABLE, str(path))


def _folder(parent: int, name: str, path: PurePosixPath, tree: Tree, below: PurePosixPath) -> None:
    if len(path.parts) > tree.bounds.depth:
        tree.left_out.tell(DEEP, str(path))
        return
    here = os.open(name, _FOLDER, dir_fd=parent)
    try:
        for inner in _names(here, tree):
            _entry(here, inner, path / inner, tree, below, top=False)
    finally:
        os.close(here)


def _names(folder: int, tree: Tree) -> list[str]:
    """What is in it, without what is of no use, and never more than may be looked at."""
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in JUNK:
                continue
            names.append(entry.name)
            if len(names) > tree.bounds.entries:
                raise FullError
    return sorted(names)


def _file(parent: int, name: str, path: PurePosixPath, tree: Tree, below: PurePosixPath) -> None:
    handle = os.open(name, _FILE, dir_fd=parent)
    try:
        kind = os.fstat(handle)
        if not stat.S_ISREG(kind.st_mode):  # exchanged since it was looked at
            tree.left_out.tell(SPECIAL, str(path))
            return
        tree.take(
            str(path), lambda count: os.read(handle, count), below=below, modified=kind.st_mtime
        )
    finally:
        os.close(handle)
