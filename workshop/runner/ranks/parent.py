"""A rank that does not outlive the process that started it by long."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from pathlib import Path

CONTROLLER = b"submitit"  # in the command of the process that starts the ranks of a local job


def end_after_parent(seconds: float) -> bool:
    """Kill this process when it still runs so many seconds after its parent has ended; on Linux.

    Those seconds are for its last words. Returns False where the parent has ended already: then
    another process, which knows nothing of this one, has taken its place.
    """
    if not hasattr(os, "pidfd_open"):
        return True
    parent = os.getppid()
    with contextlib.suppress(OSError):  # a kernel before 5.3, or one that forbids it
        descriptor = os.pidfd_open(parent)
        if not is_controller(parent):
            os.close(descriptor)
            return False
        threading.Thread(target=watch, args=(descriptor, seconds), daemon=True).start()
    return True


def is_controller(process: int) -> bool:
    """Whether a process is submitit's, by its command; True where that cannot be read."""
    try:
        return CONTROLLER in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return True


def watch(parent: int, seconds: float) -> None:
    """In a thread: wait for the end of the process with that descriptor, and then that long."""
    select.select([parent], [], [])
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)
