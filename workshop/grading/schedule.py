"""Many jobs on this machine, in worker processes: each with a fork server of its own.

A worker that dies takes nothing along but the job that it was at, which is tried once more; the
others go on. Killed, this process takes its workers along.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from workshop.grading.attempt import Done, GradingJob, Order, do, loaded

TRIES = 2
PR_SET_PDEATHSIG = 1
LONGEST_SECONDS = 3600  # of one job; every check in it has limits of its own, far below
LONGEST_END_SECONDS = 10
READY = "ready"


@dataclass(frozen=True)
class Lost:
    """A job that came to nothing, and why."""

    why: str


Results = Generator[tuple[GradingJob, Done | Lost], None, None]


class WorkerError(RuntimeError):
    """Workers do not even start; the message says what the last one said."""


@dataclass
class Worker:
    """A process, and the job that it is at, tried that many times before."""

    process: SpawnProcess
    pipe: Connection
    job: GradingJob | None = None
    tries: int = 0
    since: float = 0.0
    ready: bool = False


def in_this_process(jobs: Sequence[GradingJob], order: Order) -> Results:
    """Each job and what became of it, one after the other: where a debugger can be attached."""
    from workshop.judge.server import room

    tasks = loaded(order)
    with room(order.isolation) as server:
        for job in jobs:
            try:
                yield job, do(job, order, tasks, server)
            except Exception as error:
                yield job, Lost(in_a_line(error))


def in_processes(jobs: Sequence[GradingJob], order: Order, count: int) -> Results:
    """Each job and what became of it, as they come, from ``count`` workers.

    Raises:
        WorkerError: no worker gets as far as its first job.
    """
    waiting = deque((job, 0) for job in jobs)
    workers: list[Worker] = []
    false_starts = 0
    try:
        while waiting or any(worker.job for worker in workers):
            busy = sum(worker.job is not None for worker in workers)
            while len(workers) < min(count, busy + len(waiting)):
                workers.append(start(order))
            hand_out(waiting, workers)
            speaking = wait_for(workers)
            for worker in [one for one in workers if one.pipe in speaking]:
                heard = hear(worker)
                if heard == READY:
                    worker.ready, false_starts = True, 0
                    continue
                job, tries = worker.job, worker.tries + 1
                if isinstance(heard, Done) and job is not None:
                    worker.job = None
                    yield job, heard
                    continue
                workers.remove(worker)
                end([worker])
                if job is None:
                    false_starts += 1
                    if false_starts >= TRIES:
                        raise WorkerError(heard.why)
                elif tries < TRIES:
                    waiting.append((job, tries))
                else:
                    yield job, heard
    finally:
        end(workers)


def hand_out(waiting: deque[tuple[GradingJob, int]], workers: Sequence[Worker]) -> None:
    """A job to each worker that is ready and has none."""
    for worker in workers:
        if worker.ready and worker.job is None and waiting:
            worker.job, worker.tries = waiting.popleft()
            worker.since = time.monotonic()
            with contextlib.suppress(OSError):  # it has died: its pipe says so when it is heard
                worker.pipe.send(worker.job)


def wait_for(workers: Sequence[Worker]) -> list[Any]:
    """The pipes that something can be read from; a worker that takes too long is killed."""
    for worker in workers:
        if worker.job is not None and time.monotonic() - worker.since > LONGEST_SECONDS:
            worker.process.kill()
    return wait([worker.pipe for worker in workers], timeout=60)


def hear(worker: Worker) -> Any:
    """What a worker says: ``ready``, Done, or Lost; Lost, too, where it is no more."""
    try:
        return worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join(LONGEST_END_SECONDS)
        code = worker.process.exitcode
        ended = f"by {signal.Signals(-code).name}" if code and code < 0 else f"with code {code}"
        return Lost(f"the process that graded it ended {ended}")


def start(order: Order) -> Worker:
    """A worker; where we are run lie files of participants' perhaps: it imports none of them."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, order, os.getpid()))
    with safe_path():
        process.start()
    theirs.close()
    return Worker(process, ours)


@contextlib.contextmanager
def safe_path() -> Iterator[None]:
    """What Python is started in here does not import from the directory that it is started in."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def work(pipe: Connection, order: Order, parent: int) -> None:
    """What a worker does: one job after the other, until the pipe is closed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started us
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # that the fork server ends as well
    import torch

    from workshop.judge.server import room

    torch.set_num_threads(1)
    try:
        tasks = loaded(order)
        with room(order.isolation) as server, contextlib.suppress(EOFError):
            pipe.send(READY)
            while True:
                pipe.send(do(pipe.recv(), order, tasks, server))
    except Exception as error:
        pipe.send(Lost(in_a_line(error)))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already, and nothing is left to end


def end(workers: Sequence[Worker]) -> None:
    """Have workers end, and wait until they are gone."""
    for worker in workers:
        worker.pipe.close()
        worker.process.terminate()
    for worker in workers:
        worker.process.join(LONGEST_END_SECONDS)
        if worker.process.exitcode is None:
            worker.process.kill()
            worker.process.join()
        worker.process.close()


def in_a_line(error: BaseException) -> str:
    """An error of ours, with the place in our code where it arose."""
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    where = f" ({frame.tb_frame.f_code.co_filename}:{frame.tb_lineno})" if frame else ""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}{': ' + text[0][:300] if text else ''}{where}"
