"""Start a run as a submitit job: the same task on this machine as on a cluster.

Imports neither torch nor submitit until a job is started: the command line stays quick.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop import compile_cache
from workshop.readers.ours import read_log
from workshop.results import Result
from workshop.stages import Settings, UsageError

POLL_SECONDS = 0.1
LONGEST_MINUTES = 24 * 60
LONGEST_END_SECONDS = 10
LOG_NAME = re.compile(r"job-[\w-]+-(\d+)\.out")


@dataclass(frozen=True)
class Task:
    """What a submitit job runs, once for each rank; plain data, so that it can be pickled.

    Attributes:
        log: the one file for everything that the job prints, all ranks of it.
        visible_devices: CUDA_VISIBLE_DEVICES as the user had it; submitit's local executor
            overwrites it without looking.
    """

    settings: Settings
    log: Path
    visible_devices: str | None = None

    def __call__(self) -> Result:
        with output_to(self.log):
            return self.measure()

    def measure(self) -> Result:
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        if self.visible_devices is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = self.visible_devices
        from submitit.helpers import TorchDistributedEnvironment

        environment = TorchDistributedEnvironment()
        # One host reaches itself by its loopback, whether or not its name resolves.
        one_node = environment.local_world_size == environment.world_size
        return measure_rank(
            self.settings,
            environment.rank,
            environment.local_rank,
            "127.0.0.1" if one_node else environment.master_addr,
            environment.master_port,
            sys.stdout,
        )


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


def measure_rank(
    settings: Settings, rank: int, local_rank: int, address: str, port: int, out: Any
) -> Result:
    """Measure as one rank of ``settings.ranks``: meet the others, share the cores, leave."""
    compile_cache.keep()  # before torch is imported

    import torch

    from workshop import machine
    from workshop.assemble import Place
    from workshop.llm import parallel
    from workshop.measure import measure
    from workshop.runlog import RunLog

    device = machine.pick_device(settings.device, local_rank)
    torch.set_num_threads(max(1, machine.cores() // settings.ranks))
    try:
        if settings.ranks > 1:
            parallel.join(rank, settings.ranks, address, port, device)
        return measure(settings, Place(device, rank, settings.ranks), RunLog(out, rank))
    finally:
        parallel.leave()


def measure_here(settings: Settings, out: Any) -> Result:
    """Measure in this process; for one rank."""
    return measure_rank(settings, 0, 0, "127.0.0.1", 0, out)


def make_directory(directory: Path) -> None:
    """Make sure that there is a directory to write to; raises UsageError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the directory {directory}: {error.strerror}") from None
    if not os.access(directory, os.W_OK):
        raise UsageError(f"cannot write to the directory {directory}: choose another")


def next_id(directory: Path) -> int:
    """The smallest number that no log in ``directory`` has yet: nothing is written over."""
    found = (LOG_NAME.fullmatch(path.name) for path in directory.glob("job-*.out"))
    return max((int(match[1]) for match in found if match), default=0) + 1


def reserve_log(directory: Path, stage: str) -> Path:
    """Create an empty log of a name that is free, also if two sessions ask at once.

    Raises:
        UsageError: the directory is not there, or cannot be written.
    """
    number = next_id(directory)
    while True:
        path = directory / f"job-{stage}-{number}.out"
        try:
            path.touch(exist_ok=False)
            return path
        except FileExistsError:
            number += 1
        except OSError as error:
            raise UsageError(f"cannot write logs to {directory}: {error.strerror}") from None


def run_locally(
    settings: Settings, log: Path, each_line: Callable[[str], None] = lambda line: None
) -> Result:
    """Run as a job of submitit's local executor, wait, and give its record.

    Args:
        log: an existing file, to which all output of the job goes.
        each_line: called with every line of the log as it comes.
    """
    import submitit

    with tempfile.TemporaryDirectory(prefix="workshop-") as folder:
        executor = submitit.LocalExecutor(folder, max_num_timeout=0)
        executor.update_parameters(
            tasks_per_node=settings.ranks, timeout_min=LONGEST_MINUTES, gpus_per_node=0
        )
        job = executor.submit(Task(settings, log.resolve(), os.environ.get("CUDA_VISIBLE_DEVICES")))
        try:
            for line in follow(log, job.done):
                each_line(line)
        except BaseException:
            end(job)
            raise
        died = why_it_died(job)
    if died:
        with log.open("a", encoding="utf-8") as file:
            print(died, file=file)
    return read_log(log)[-1]


def end(job: Any) -> None:
    """Stop a local job and wait until its processes are gone."""
    job.cancel()
    deadline = time.monotonic() + LONGEST_END_SECONDS
    while not job.done() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def why_it_died(job: Any) -> str | None:
    """What a job wrote before our log was open, where it left no record; else None."""
    with contextlib.suppress(Exception):
        job.results()
        return None
    texts = (sub.stderr() for sub in getattr(job, "_sub_jobs", []) or [job])
    return "\n".join(text for text in texts if text) or None


def follow(path: Path, done: Callable[[], bool]) -> Iterator[str]:
    """Lines of a growing file, without their ends, until ``done`` and all is read."""
    with path.open(encoding="utf-8", errors="replace") as file:
        rest = ""
        while True:
            finished = done()
            rest += file.read()
            *lines, rest = rest.split("\n")
            yield from lines
            if finished:
                if rest:
                    yield rest
                return
            time.sleep(POLL_SECONDS)
