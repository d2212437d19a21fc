"""Which processes came from which, and how long they have kept a processor busy."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

CPU_OF_PROCESS = 2  # as Linux numbers the clocks of other processes
CHILDREN_USER, CHILDREN_SYSTEM = 13, 14  # fields of /proc/PID/stat, after the name's parenthesis


def descendants(pid: int) -> list[int]:
    """Processes that came from ``pid``, at any depth."""
    found: list[int] = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:  # it has ended since its parent was looked at
        return found
    for task in tasks:
        try:
            children = Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii").split()
        except OSError:
            continue
        for one in children:
            found += [int(one), *descendants(int(one))]
    return found


def processor_seconds(pids: Iterable[int]) -> float:
    """Processor time of these processes and of the children that they have waited for, in seconds.

    A child's time passes to its parent when the parent waits for it; a child that has ended and
    was not waited for still has its own clock. The parts that come from children are exact to a
    hundredth of a second, as /proc gives them (man 5 proc, ``cutime``). 0 where the kernel gives
    no clock for another process. A parent that ignores SIGCHLD loses its children's time: the
    clock on the wall is the bound for that.
    """
    total = 0.0
    for pid in pids:
        with suppress(OSError):  # it has ended meanwhile
            total += time.clock_gettime((~pid << 3) | CPU_OF_PROCESS) + of_children(pid)
    return total


def loses_children(pids: Iterable[int]) -> bool:
    """Whether one of these processes ignores SIGCHLD now, and so loses its children's time."""
    for pid in pids:
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
            mask = next((s for s in status.splitlines() if s.startswith("SigIgn:")), "SigIgn: 0")
            if int(mask.split()[1], 16) >> (signal.SIGCHLD - 1) & 1:
                return True
    return False


def of_children(pid: int) -> float:
    """Processor time of the children that a process has waited for; raises OSError."""
    line = Path(f"/proc/{pid}/stat").read_bytes()
    fields = line[line.rindex(b")") + 2 :].split()
    return (int(fields[CHILDREN_USER]) + int(fields[CHILDREN_SYSTEM])) / os.sysconf("SC_CLK_TCK")
