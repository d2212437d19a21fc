"""Files that are never half written: beside first, then renamed into place."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Write the whole file or none of it; what was there stays until the last moment.

    A link is followed: its target is what changes. Safe with several writers, on NFS as well: the
    last one wins, and a reader sees one or the other.

    Raises:
        OSError: a full disk, or a folder that may not be written to; nothing is left behind.
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".workshop-{secrets.token_hex(8)}{target.suffix}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
