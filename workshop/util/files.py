"""Files that are never half written: beside first, then renamed into place."""

from __future__ import annotations

import os
from pathlib import Path

from workshop.util.errors import UsageError


def write(path: Path, content: bytes) -> None:
    """Write the whole file or none of it; what was there stays until the last moment.

    A link is followed: its target is what changes. Safe with several writers, on NFS as well: the
    last one wins, and a reader sees one or the other.

    Raises:
        OSError: a full disk, or a folder that may not be written to; nothing is left behind.
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".workshop-{os.urandom(8).hex()}{target.suffix}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def make_directory(directory: Path) -> None:
    """Make sure that there is a directory to write to; raises UsageError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the directory {directory}: {error.strerror}") from None
    if not os.access(directory, os.W_OK):
        raise UsageError(f"cannot write to the directory {directory}: choose another")
