"""Watch a fork to its end, make one where it goes too far, and leave nothing of it behind."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workshop.judge.family import descendants
from workshop.judge.limits import MB, Limits

LOOK_SECONDS = 0.01
LOOK_AT_DISK_SECONDS = 0.1
KEPT_OUTPUT = 4000
MOST_FILES, MOST_DEPTH = 2000, 50
MOST_THREADS = 512


@dataclass
class Watched:
    """A fork at work.

    Attributes:
        output: the pipe that its standard output and error go to.
        places: folders that it may write to.
        base: bytes of memory that each process of its has from the start.
        kept: the last of what it printed.
    """

    pid: int
    output: int
    places: Sequence[Path]
    base: int
    kept: bytes = b""
    printed: int = 0
    open: bool = True
    started: float = field(default_factory=time.monotonic)
    disk_looked_at: float = 0.0


def watch(watched: Watched, bounds: Limits) -> str:
    """Wait for the end, or make one: 'done', 'signal 9', 'exit 3', or the limit that was met."""
    try:
        ending = os.pidfd_open(watched.pid)
    except OSError:  # an older kernel: its end is seen at the next look
        ending = -1
    try:
        looked = 0.0
        while True:
            inputs = [watched.output] * watched.open + [ending] * (ending >= 0)
            readable, _, _ = select.select(inputs, [], [], LOOK_SECONDS)
            if watched.output in readable:
                watched.open = read_some(watched)
            pid, status = os.waitpid(watched.pid, os.WNOHANG)
            if pid:
                if os.WIFSIGNALED(status):
                    return f"signal {os.WTERMSIG(status)}"
                code = os.waitstatus_to_exitcode(status)
                return "done" if code == 0 else f"exit {code}"
            now = time.monotonic()
            if now - looked < LOOK_SECONDS:
                continue
            looked = now
            if limit := too_far(watched, bounds, now):
                return limit
    finally:
        if ending >= 0:
            os.close(ending)


def too_far(watched: Watched, bounds: Limits, now: float) -> str | None:
    """The limit that it has met, if it has met one."""
    if now - watched.started > bounds.seconds:
        return "seconds"
    if watched.printed > bounds.output_kb * 1000:
        return "output"
    family = descendants(os.getpid())
    if len(family) - 1 > bounds.processes:
        return "processes"
    threads, memory = of_family(family, watched.base)
    if threads > MOST_THREADS:
        return "threads"
    if memory > bounds.memory_mb * MB:
        return "memory"
    if now - watched.disk_looked_at > LOOK_AT_DISK_SECONDS:
        watched.disk_looked_at = now
        if not fits(watched.places, bounds.disk_mb * MB):
            return "disk"
    return None


def of_family(family: Sequence[int], base: int) -> tuple[int, int]:
    """Threads, and bytes of memory beyond ``base`` each, of all together."""
    threads = total = 0
    for pid in family:
        with contextlib.suppress(OSError):  # it has ended meanwhile
            threads += len(os.listdir(f"/proc/{pid}/task"))
            total += max(0, memory_of(pid) - base)
    return threads, total


def memory_of(pid: int) -> int:
    """Bytes of memory that lie in no file: what a process has written, alone or with others.

    Right after a fork it has as much as its parent, most of which is the parent's still.
    """
    with open(f"/proc/{pid}/status", "rb") as file:
        lines = [line.split() for line in file]
    return sum(int(line[1]) * 1024 for line in lines if line[0] in (b"RssAnon:", b"RssShmem:"))


def fits(places: Sequence[Path], most: int) -> bool:
    """Whether what lies in ``places`` is not too much, and folders not too deep to be looked at."""
    waiting = [(str(place), 0) for place in places]
    files = total = 0
    while waiting:
        folder, depth = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    files += 1
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if files > MOST_FILES or depth > MOST_DEPTH or total > most:
                        return False
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, depth + 1))
        except OSError:
            continue  # gone meanwhile, or closed by its own maker
    return True


def read_some(watched: Watched) -> bool:
    """Read what it printed; False once it can print no more."""
    data = os.read(watched.output, 1 << 16)
    watched.printed += len(data)
    watched.kept = (watched.kept + data)[-KEPT_OUTPUT:]
    return bool(data)


def drain(watched: Watched) -> None:
    """Read what is left in the pipe; nobody writes to it any more."""
    while watched.open and select.select([watched.output], [], [], 0)[0]:
        watched.open = read_some(watched)


def reap() -> None:
    """Kill all that a run left behind, and what that starts meanwhile, until nothing is left."""
    while left := descendants(os.getpid()):
        for pid in left:  # stopped first: what is stopped starts nothing
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGSTOP)
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.001)


def empty(places: Sequence[Path]) -> bool:
    """Remove all that lies in ``places``; False where something stays."""
    try:
        for place in places:
            for entry in place.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    remove(entry)
                else:
                    entry.unlink()
    except OSError:
        return False
    return True


def remove(folder: Path) -> None:
    """Remove a folder whose maker may have closed it, or gone deeper than Python follows."""
    with contextlib.suppress(OSError, RecursionError):
        shutil.rmtree(folder)
        return
    for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):  # neither follows links
        subprocess.run([*command, "--", str(folder)], stderr=subprocess.DEVNULL, check=False)
    if folder.exists():
        raise OSError(f"{folder} cannot be removed")
