"""Start a run as a submitit job: the same task on this machine as on a cluster.

Imports neither torch nor submitit until a job is started: the command line stays quick.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from workshop.record.readers.ours import read_log
from workshop.record.results import PREFIX, Result
from workshop.runner import compile_cache, huge_pages
from workshop.runner.ranks import running
from workshop.runner.ranks.lifeline import Lifeline, RankLostError
from workshop.runner.ranks.meeting import meet
from workshop.runner.ranks.parent import end_after_parent
from workshop.runner.ranks.rank import Rank, rank_of_job, rank_of_step
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

STDERR = 2  # as processes know it
POLL_SECONDS = 0.1
LONGEST_MINUTES = 24 * 60
LONGEST_END_SECONDS = 10
KILLED = (
    "The process that starts the ranks was killed: by someone, or because memory ran out, which "
    "dmesg tells."
)
LOG_NAME = re.compile(r"job-[\w-]+-(\d+)\.out")


class RunFailedError(RuntimeError):
    """A run without a complete result; its log has said why, so no traceback follows."""


@dataclass(frozen=True)
class Task:
    """What a submitit job runs, once for each rank; plain data, so that it can be pickled."""

    settings: Settings

    def __call__(self) -> Result:
        """Measure; a failed run raises RunFailedError: Slurm is told by the exit code."""
        result = measure_rank(self.settings, rank_of_job(), sys.stdout)
        if result.status != "ok":
            sys.excepthook = without_traceback
            raise RunFailedError(result.reason or "the run has no complete result")
        return result

    def checkpoint(self) -> Any:
        """How submitit starts a preempted job again: from the start.

        Samples from two nodes would make one number of two measurements.
        """
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(frozen=True)
class LocalTask:
    """The same on this machine, where the record tells how it went.

    Attributes:
        log: the one file for everything that the job prints, all ranks of it.
        running: a file on this node, locked by every rank for as long as it runs.
        visible_devices: CUDA_VISIBLE_DEVICES as the user had it; submitit's local executor
            overwrites it without looking.
    """

    settings: Settings
    log: Path
    running: Path
    visible_devices: str | None = None

    def __call__(self) -> Result:
        if not end_after_parent(LONGEST_END_SECONDS):
            sys.exit(KILLED)
        running.hold(self.running)
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        if self.visible_devices is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = self.visible_devices
        with output_to(self.log):
            return measure_rank(self.settings, rank_of_job(), sys.stdout)


@dataclass(frozen=True)
class DebugTask:
    """The same in this process: nothing is redirected."""

    settings: Settings

    def __call__(self) -> Result:
        return measure_rank(self.settings, rank_of_job(), sys.stdout)


def without_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """An excepthook that has nothing to add to what the log says of a failed run."""
    if not issubclass(kind, RunFailedError):
        sys.__excepthook__(kind, error, trace)


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


def measure_rank(settings: Settings, place: Rank, out: Any) -> Result:
    """Measure as one rank of ``settings.ranks``: meet the others, share the cores, leave."""
    compile_cache.keep()  # before torch is imported
    huge_pages.ask()
    if settings.ranks == 1:
        return measure_joined(settings, place, out, None)
    try:
        others = meet(place)
    except (RankLostError, UsageError) as error:
        return measured_nothing(settings, place, out, error)
    others.last_words = lambda lost: measured_nothing(settings, place, out, lost)
    try:
        return measure_joined(settings, place, out, others)
    except BaseException as error:
        others.fail(f"{type(error).__name__}: {error}")
        raise
    finally:
        others.let_go()


def measure_joined(settings: Settings, place: Rank, out: Any, others: Lifeline | None) -> Result:
    import torch

    from workshop.llm.ranks import parallel
    from workshop.record.runlog import RunLog
    from workshop.runner import machine
    from workshop.runner.assemble import Place
    from workshop.runner.measure import measure, no_run

    log = RunLog(out, place.rank)
    torch.set_num_threads(max(1, machine.cores() // settings.ranks))
    try:
        try:
            device = machine.pick_device(settings.device, place.local_rank)
            if others is not None:
                joined = parallel.join(
                    place.rank, settings.ranks, place.address, others.port, device
                )
                torch.set_num_threads(joined.threads or torch.get_num_threads())
                for line in joined.said:
                    log.say(line)
        except Exception as error:
            return no_run(settings, error, log, others)
        return measure(settings, Place(device, place.rank, settings.ranks), log, others)
    finally:
        parallel.leave()


def measured_nothing(settings: Settings, place: Rank, out: Any, error: BaseException) -> Result:
    """The record of a run whose ranks have not all come."""
    from workshop.record.runlog import RunLog
    from workshop.runner.measure import no_run

    return no_run(settings, error, RunLog(out, place.rank))


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
    with tempfile.TemporaryDirectory(prefix="workshop-") as folder:
        said, ranks = Path(folder) / "controller.err", Path(folder) / "running"
        visible_devices = os.environ.get("CUDA_VISIBLE_DEVICES")
        task = LocalTask(settings, log.resolve(), ranks, visible_devices)
        job = start_locally(task, settings.ranks, folder, said)
        try:
            for line in follow(log, all_ended(job, ranks)):
                each_line(line)
        except BaseException:
            end(job)
            raise
        recorded = has_record(log)
        added = "" if recorded else job_said(job, said)
    if added:
        with log.open("a", encoding="utf-8") as file:
            print(added, file=file)
    result = read_log(log)[-1]
    if not recorded:
        each_line(f"Error: {result.reason}")
    return result


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


def start_locally(task: Callable[[], Any], ranks: int, folder: str, said: Path) -> Any:
    """The job of submitit's local executor that runs a task once for each rank.

    Args:
        folder: an empty one for submitit's own files.
        said: the file for what its controller has to say.
    """
    import submitit

    executor = submitit.LocalExecutor(folder, max_num_timeout=0)
    executor.update_parameters(tasks_per_node=ranks, timeout_min=LONGEST_MINUTES, gpus_per_node=0)
    with stderr_to(said), heeding_interrupts():
        return executor.submit(task)


def run_here(settings: Settings, quiet: bool = True) -> Result:
    """In this process; several ranks are processes of their own, whose log is passed on.

    Where srun has started these processes already, each is a rank.
    """
    rank = rank_of_step(settings.ranks)
    if rank or settings.ranks == 1:
        return measure_rank(settings, rank or Rank(), None if quiet else sys.stdout)
    with tempfile.TemporaryDirectory(prefix="workshop-") as folder:
        log = Path(folder) / f"job-{settings.stage}-0.out"
        log.touch()
        return run_locally(settings, log, (lambda line: None) if quiet else print)


def run_in_this_process(settings: Settings) -> Result:
    """Run as a job of submitit's debug executor: here, where a debugger can be attached.

    Raises:
        UsageError: several ranks, which are several processes.
    """
    import submitit

    if settings.ranks > 1:
        raise UsageError(
            f"{settings.stage} has {settings.ranks} ranks, which are processes of their own: "
            "use --executor local"
        )
    with tempfile.TemporaryDirectory(prefix="workshop-") as folder:
        return submitit.DebugExecutor(folder).submit(DebugTask(settings)).result()


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


def has_record(log: Path) -> bool:
    """Whether a run has left its record in a log."""
    with log.open(encoding="utf-8", errors="replace") as file:
        return any(line.startswith(PREFIX) for line in file)


def job_said(job: Any, said: Path) -> str:
    """What is known of a job's end, and what it wrote before our log was open.

    Args:
        said: what its controller had to say.
    """
    subjobs = getattr(job, "_sub_jobs", []) or [job]
    texts = [one.stderr() for one in subjobs]
    texts.append(said.read_text(encoding="utf-8", errors="replace").strip())
    if any(one._process is not None and one._process.poll() == -signal.SIGKILL for one in subjobs):
        texts.append(KILLED)
    return "\n".join(text for text in texts if text)


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
