"""A process that does not outlive the one that started it by long."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time


def end_after_parent(seconds: float) -> None:
    """Kill this process when it still runs so many seconds after its parent has ended; on Linux.

    Those seconds are for its last words.
    """
    if not hasattr(os, "pidfd_open"):
        return
    with contextlib.suppress(OSError):  # a kernel before 5.3, or one that forbids it
        parent = os.pidfd_open(os.getppid())
        threading.Thread(target=watch, args=(parent, seconds), daemon=True).start()


def watch(parent: int, seconds: float) -> None:
    """In a thread: wait for the end of the process with that descriptor, and then that long."""
    select.select([parent], [], [])
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)
