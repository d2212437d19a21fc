"""A job of submitit's local executor: how it is started, watched and ended.

Imports submitit when a job is started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop.runner.ranks import running

STDERR = 2  # as processes know it
POLL_SECONDS = 0.1
LONGEST_MINUTES = 24 * 60
LONGEST_END_SECONDS = 10
GPUS = "CUDA_VISIBLE_DEVICES"
KILLED = (
    "The process that starts the ranks was killed: by someone, or because memory ran out, which "
    "dmesg tells."
)


@dataclass(frozen=True)
class VisibleGPUs:
    """CUDA_VISIBLE_DEVICES as the user has it; submitit's local executor overwrites it."""

    value: str | None

    @classmethod
    def of_user(cls) -> VisibleGPUs:
        """As this process has it, before a job is started."""
        return cls(os.environ.get(GPUS))

    def restore(self) -> None:
        """In the job: set it as the user had it."""
        os.environ.pop(GPUS, None)
        if self.value is not None:
            os.environ[GPUS] = self.value


def all_ended(job: Any, ranks: Path) -> Callable[[], bool]:
    """Whether a job is done and none of its ranks still writes, asked again and again.

    Ranks outlive a controller that is killed, for as long as ``end_after_parent`` lets them.

    Args:
        ranks: the file that each rank locks.
    """
    done_since: list[float] = []

    def ask() -> bool:
        if not job.done():
            return False
        done_since.append(time.monotonic())
        waited = done_since[-1] - done_since[0]
        return running.all_ended(ranks) or waited > LONGEST_END_SECONDS + 1

    return ask


def start_locally(task: Callable[[], Any], ranks: int, folder: str, errors: Path) -> Any:
    """The job of submitit's local executor that runs a task once for each rank.

    Args:
        folder: an empty one for submitit's own files.
        errors: the file for its controller's standard error.
    """
    import submitit

    executor = submitit.LocalExecutor(folder, max_num_timeout=0)
    executor.update_parameters(tasks_per_node=ranks, timeout_min=LONGEST_MINUTES, gpus_per_node=0)
    with stderr_to(errors), heeding_interrupts():
        return executor.submit(task)


def end(job: Any) -> None:
    """Stop a local job and wait until its processes are gone."""
    job.cancel()
    deadline = time.monotonic() + LONGEST_END_SECONDS
    while not job.done() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def stderr_to(path: Path) -> Iterator[None]:
    """What is started in here has this file for its standard error.

    submitit's controller would have ours, and write its traceback there when it is interrupted.
    """
    ours = os.dup(STDERR)
    try:
        with path.open("wb") as file:
            os.dup2(file.fileno(), STDERR)
        yield
    finally:
        os.dup2(ours, STDERR)
        os.close(ours)


@contextlib.contextmanager
def heeding_interrupts() -> Iterator[None]:
    """What is started in here is ended by SIGINT, by which submitit ends its jobs.

    Else it would ignore it where we do: in the background of a script.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone may change it
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        # None: it was not Python that had set it, and only the default can be set again.
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


def output_of(job: Any, errors: Path) -> str:
    """What a job wrote before our log was open, and whether its controller was killed.

    Args:
        errors: the file that has its controller's standard error.
    """
    subjobs = getattr(job, "_sub_jobs", []) or [job]
    texts = [one.stderr() for one in subjobs]
    texts.append(errors.read_text(encoding="utf-8", errors="replace").strip())
    if any(one._process is not None and one._process.poll() == -signal.SIGKILL for one in subjobs):
        texts.append(KILLED)
    return "\n".join(text for text in texts if text)


@contextlib.contextmanager
def output_to(path: Path) -> Iterator[None]:
    """Append this process's output and errors, also those of C++ code, to ``path`` meanwhile."""
    streams = (sys.stdout, sys.stderr)
    before = [os.dup(stream.fileno()) for stream in streams]
    with path.open("ab") as file:
        for stream in streams:
            os.dup2(file.fileno(), stream.fileno())
    try:
        yield
    finally:
        for stream, old in zip(streams, before, strict=True):
            stream.flush()
            os.dup2(old, stream.fileno())
            os.close(old)
