"""Start a run as a submitit job: the same task on this machine as on a cluster.

Imports neither torch nor submitit until a job is started: the command line stays quick.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TextIO

from workshop.record.readers.ours import read_log
from workshop.record.results import PREFIX, Result
from workshop.record.runlog import RunLog
from workshop.runner.local_job import (
    KILLED,
    LONGEST_END_SECONDS,
    VisibleGPUs,
    all_ended,
    end,
    output_of,
    output_to,
    start_locally,
)
from workshop.runner.ranks import running
from workshop.runner.ranks.group import Member, with_the_others
from workshop.runner.ranks.lifeline import Lifeline
from workshop.runner.ranks.parent import end_after_parent
from workshop.runner.ranks.rank import Rank, rank_of_job, rank_of_step
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError
from workshop.util.tail import follow

LOG_NAME = re.compile(r"job-[\w-]+-(\d+)\.out")
THE_LOG = re.compile(r"\blog\b")
HOW_TO_SEE_THE_LOG = "to see the log, use quiet=False, or run 'workshop run' without --json"


@dataclass(frozen=True)
class LocalTask:
    """The same on this machine, where the record says how the run ended.

    Attributes:
        log: the one file for everything that the job prints, all ranks of it.
        running: a file on this node, locked by every rank for as long as it runs.
        gpus: as the user had them.
    """

    settings: Settings
    log: Path
    running: Path
    gpus: VisibleGPUs

    def __call__(self) -> Result:
        if not end_after_parent(LONGEST_END_SECONDS):
            sys.exit(KILLED)
        running.hold(self.running)
        self.gpus.restore()
        with output_to(self.log):
            return measure_rank(self.settings, rank_of_job(), sys.stdout)


@dataclass(frozen=True)
class DebugTask:
    """The same in this process: nothing is redirected."""

    settings: Settings

    def __call__(self) -> Result:
        return measure_rank(self.settings, rank_of_job(), sys.stdout)


def measure_rank(settings: Settings, rank: Rank, out: TextIO | None) -> Result:
    """Measure as one rank of ``settings.ranks``; each of them calls it.

    Args:
        out: where its log goes; None keeps silent.
    """
    log = RunLog(out, rank.index)

    def work(member: Member) -> Result:
        from workshop.runner.assemble import Place
        from workshop.runner.measure import measure
        from workshop.runner.token_check import own_run, with_check

        for line in member.lines:
            log.say(line)
        place = Place(member.device, rank.index, settings.ranks)
        if settings.exercise is None:
            return measure(settings, place, log, member.others)
        log.tell("Generating with the engine's own functions, to compare with ...")
        try:
            own = own_run(settings, place)
        except (Exception, KeyboardInterrupt) as error:
            return failed(error, member.others)
        check = partial(with_check, own=own)
        return check(measure(settings, place, replace(log, complete=check), member.others))

    def failed(error: BaseException, others: Lifeline | None) -> Result:
        from workshop.runner.measure import no_run

        return no_run(settings, error, log, others)

    return with_the_others(settings, rank, work, failed)


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
        errors, ranks = Path(folder) / "controller.err", Path(folder) / "running"
        task = LocalTask(settings, log.resolve(), ranks, VisibleGPUs.of_user())
        job = start_locally(task, settings.ranks, folder, errors)
        try:
            for line in follow(log, all_ended(job, ranks)):
                each_line(line)
        except BaseException:
            end(job)
            raise
        recorded = has_record(log)
        added = "" if recorded else output_of(job, errors)
    if added:
        with log.open("a", encoding="utf-8") as file:
            print(added, file=file)
    result = read_log(log)[-1]
    if not recorded:
        each_line(f"Error: {result.reason}")
    return result


def run_here(settings: Settings, quiet: bool = True) -> Result:
    """In this process; several ranks are processes of their own, whose log is passed on.

    Where srun has started these processes already, each is a rank.

    Args:
        quiet: print no log, and keep none.
    """
    rank = rank_of_step(settings.ranks)
    if rank or settings.ranks == 1:
        result = measure_rank(settings, rank or Rank(), None if quiet else sys.stdout)
    else:
        with tempfile.TemporaryDirectory(prefix="workshop-") as folder:
            log = Path(folder) / f"job-{settings.stage}-0.out"
            log.touch()
            result = run_locally(settings, log, (lambda line: None) if quiet else print)
    return without_log(result) if quiet else result


def without_log(result: Result) -> Result:
    """The result of a run whose log nobody has seen: advice that names it says how to see it."""
    if result.advice and THE_LOG.search(result.advice):
        return replace(result, advice=f"{result.advice} ({HOW_TO_SEE_THE_LOG})")
    return result


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


def has_record(log: Path) -> bool:
    """Whether a run has left its record in a log."""
    with log.open(encoding="utf-8", errors="replace") as file:
        return any(line.startswith(PREFIX) for line in file)
