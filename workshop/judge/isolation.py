"""What a process that runs someone else's code can see: the strongest walls there are here.

``bubblewrap`` (https://github.com/containers/bubblewrap) gives it namespaces of its own: no
network, no processes but its own, and of the file system only Python, torch, this package without
exercises and solutions, and the one folder that it works in. Where bubblewrap is not installed, or
the kernel does not let an ordinary user have namespaces, ``process`` is what is left: limits, a
scrubbed environment and a session of its own; the file system and the network are then as open to
it as to whoever runs it, and that is said.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from workshop.assets import PACKAGE

Isolation = Literal["bubblewrap", "process"]
STRONGEST_FIRST = get_args(Isolation)
LONGEST_TRIAL = 10  # seconds
SCRATCH_BYTES = 200 * 10**6

WHAT_IT_MEANS: dict[Isolation, str] = {
    "bubblewrap": "own namespaces: no network, no other processes, of the files only what it needs",
    "process": "limits and a scrubbed environment alone: files and network are open to it",
}
# Of the system, what Python and torch load; never /home, /root, /var or /run.
SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/etc/ld.so.cache", "/opt/rocm")
HIDDEN = ("exercises", "solutions")  # of the package, where it is installed


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
            f"{least} does not work here, and less was refused: install bubblewrap "
            "(Debian: apt-get install bubblewrap), and let users have namespaces "
            "(sysctl kernel.unprivileged_userns_clone=1, or "
            "kernel.apparmor_restrict_unprivileged_userns=0)"
        )
    return found


def works(kind: Isolation) -> bool:
    """Whether a trivial command runs in it."""
    if kind == "process":
        return True
    if shutil.which("bwrap") is None:
        return False
    try:
        trial = subprocess.run(
            [*walls(kind, Path("/nonexistent"), [], home=None), "true"],
            capture_output=True,
            timeout=LONGEST_TRIAL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0


def walls(kind: Isolation, folder: Path, readable: Sequence[Path], home: Path | None) -> list[str]:
    """What to put before a command so that it runs in that isolation.

    Args:
        folder: what may be read and nothing else of its kind: a submission.
        readable: further files and folders that may be read.
        home: the one folder that may be written to: in memory, of a bounded size, and gone after.
    """
    if kind == "process":
        return []
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    words += ["--proc", "/proc", "--dev", "/dev", "--size", str(SCRATCH_BYTES), "--tmpfs", "/tmp"]
    for path in dict.fromkeys([*SYSTEM, *map(str, python()), *map(str, readable)]):
        words += ["--ro-bind-try", path, path]
    for name in HIDDEN:
        if (PACKAGE / name).is_dir():
            words += ["--tmpfs", str(PACKAGE / name)]
    words += ["--ro-bind-try", str(folder), str(folder)]
    if home is not None:
        words += ["--size", str(SCRATCH_BYTES), "--tmpfs", str(home)]
    return [*words, "--"]


def python() -> list[Path]:
    """Where Python, its libraries and this package are: not the folders above them."""
    places = [Path(sys.base_prefix), Path(sys.prefix), PACKAGE]
    places += [Path(place) for place in sys.path if place.endswith(("-packages", "-dynload"))]
    return [place for place in places if place.is_dir() and place != Path("/")]
