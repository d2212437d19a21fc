"""What a process that runs someone else's code can see: the strongest isolation there is here.

``bubblewrap`` (https://github.com/containers/bubblewrap) gives it namespaces of its own: no
network, no processes but its own, and of the file system only Python, torch, a compiler, and a
folder in memory. ``landlock`` needs no namespaces, which many clusters forbid: the kernel itself
refuses what is not on a list (workshop.judge.landlock), and a filter the system calls that no
exercise needs (workshop.judge.seccomp); both apply inside bubblewrap as well, as a second layer.
``process`` is what is left where neither works: limits, a scrubbed environment and a session of its
own; the file system and the network are then as open to it as to whoever runs it, and that is said.

docs/isolation.md has what each keeps out, attack by attack, and what none of them does.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import Literal, get_args

from workshop.judge import bubblewrap, landlock

Isolation = Literal["bubblewrap", "landlock", "process"]
STRONGEST_FIRST: tuple[Isolation, ...] = get_args(Isolation)
LONGEST_TRIAL = 20  # seconds
TRIAL = "import ctypes, msgspec, workshop.judge.limits"

WHAT_IT_MEANS: dict[Isolation, str] = {
    "bubblewrap": "own namespaces: no network, no other processes, of the files only what it needs",
    "landlock": "the kernel refuses other files, signals to others and, but for exercises that "
    "need loopback, the network; other processes can be seen",
    "process": "limits and a scrubbed environment alone: files and network are open to it",
}
REMEDY: dict[Isolation, str] = {
    "bubblewrap": "install bubblewrap (Debian: apt-get install bubblewrap), and let users have "
    "namespaces (sysctl kernel.unprivileged_userns_clone=1, or "
    "kernel.apparmor_restrict_unprivileged_userns=0)",
    "landlock": "it needs Linux 5.13 or newer, started with landlock among its security modules "
    "(lsm=landlock,...)",
    "process": "",
}


class IsolationError(RuntimeError):
    """The isolation that was asked for is not to be had; the message says what to do."""


def strongest() -> Isolation:
    """The strongest isolation that works here."""
    return next(kind for kind in STRONGEST_FIRST if works(kind))


def require(least: Isolation) -> Isolation:
    """The strongest that works, if it is at least ``least``; else raises IsolationError."""
    found = strongest()
    if STRONGEST_FIRST.index(found) > STRONGEST_FIRST.index(least):
        raise IsolationError(
            f"{least} does not work here, and less was refused: {REMEDY[least]}; "
            f"what works is {found}: {WHAT_IT_MEANS[found]}"
        )
    return found


def works(kind: Isolation) -> bool:
    """Whether a little Python runs in it."""
    if kind == "process":
        return True
    if kind == "landlock":
        return landlock.version() > 0
    if shutil.which("bwrap") is None:
        return False
    try:
        trial = subprocess.run(
            [*bubblewrap.words(), sys.executable, "-I", "-c", TRIAL],
            capture_output=True,
            timeout=LONGEST_TRIAL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0


def describe(kind: Isolation, landlock_version: int, seccomp: bool) -> str:
    """What stands around a run, in a line: 'bubblewrap, landlock 7, seccomp'.

    Args:
        landlock_version: of the kernel's interface; 0 where it has none.
    """
    if kind == "process":
        return "process"
    filtered = "seccomp" if seccomp else "no seccomp filter for this processor"
    fenced = f"landlock {landlock_version}" if landlock_version else "no landlock"
    return ", ".join(["bubblewrap"] * (kind == "bubblewrap") + [fenced, filtered])
