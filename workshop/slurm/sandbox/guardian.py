"""Take a sandbox down when a process ends, however it ends.

Run as ``python -m workshop.slurm.sandbox.guardian DIRECTORY PID``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

POLL_SECONDS = 0.2


def started(pid: int) -> str | None:
    """When a process started, in the kernel's words; None where it ended.

    A number is given anew to later processes: with its start it is one process only.
    """
    try:
        fields = Path("/proc", str(pid), "stat").read_text(errors="replace").rpartition(")")[2]
    except OSError:
        return None
    state, *others = fields.split()
    return None if state in "ZX" else others[18]


def wait_for_end(pid: int) -> None:
    begin = started(pid)
    while begin and started(pid) == begin:
        time.sleep(POLL_SECONDS)


def main() -> None:
    from workshop.slurm.sandbox import down

    directory, pid = Path(sys.argv[1]), int(sys.argv[2])
    wait_for_end(pid)
    down(directory)


if __name__ == "__main__":
    main()
