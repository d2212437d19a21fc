"""How the process that started a local job knows that every rank of it has ended.

submitit's local executor watches its controller alone. A controller that is killed leaves its
ranks behind, which write to the log for some seconds more. Each rank holds a shared lock on one
file until it ends, however it ends: once nobody holds the lock, no rank writes.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

_held: list[object] = []  # files that stay open until this process ends


def hold(path: Path) -> None:
    """Hold the lock until this process ends; does nothing on a system without such locks."""
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        file = path.open("ab")
        _held.append(file)
        fcntl.flock(file, fcntl.LOCK_SH)


def all_ended(path: Path) -> bool:
    """Whether no process holds the lock; True on a system without such locks."""
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        with path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
    return True
