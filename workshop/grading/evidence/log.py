"""A job's log as evidence: its runs, each with what its lines say beside the record.

A log was in a participant's hands: it is read up to a bound, by patterns that are held against
whole lines, and nothing that it names (a path, a command) is ever opened or run.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from workshop.grading.evidence.labels import unlabelled
from workshop.grading.evidence.run_lines import RunLines, runs_with_lines
from workshop.record.readers import results_in_file
from workshop.record.readers.lines import bounded_lines
from workshop.record.results import Result
from workshop.util.text import one_line

SUFFIXES = (".out", ".log")
MOST_BYTES = 4_000_000  # of a log; one of five samples has some thirty thousand
MOST_IN_ALL = 16_000_000  # of a submission's logs
MOST_LOGS = 60  # of a submission
MOST_RUNS = 200  # in all of them: each is held against each


@dataclass(frozen=True)
class Run:
    """One run of a log.

    Attributes:
        log: the log's path, relative to the submission.
        result: as the readers give it: the record, or what is left of a run without one.
        lines: what the lines around the record hold.
    """

    log: str
    result: Result
    lines: RunLines = field(default_factory=RunLines)

    @property
    def label(self) -> str:
        """The stage and what is different about it, as a sentence about the run begins."""
        return one_line(self.result.label, 80)

    @property
    def exercise(self) -> str | None:
        """The exercise whose functions ran in place of the engine's; None for a stage's own run.

        '' where the record names none, and has tokens that were compared with the engine's.
        """
        settings, checked = self.result.settings, self.result.token_check
        if settings is not None and settings.exercise:
            return one_line(settings.exercise.partition("=")[0], 60)
        return "" if checked is not None else None

    @property
    def complete(self) -> bool:
        """Whether it is a whole run of ours, of which there is something to hold against it."""
        result = self.result
        return result.status == "ok" and result.format == "workshop" and bool(result.samples)


@dataclass(frozen=True)
class Log:
    """A file of a submission.

    Attributes:
        path: relative to the submission.
        digest: SHA-256 of its bytes.
        runs: in the order in which they stand there; none where there is a problem.
        problem: why it was not read.
    """

    path: str
    digest: str
    runs: tuple[Run, ...]
    problem: str | None = None

    @property
    def results(self) -> tuple[Result, ...]:
        return tuple(run.result for run in self.runs)


def logs_below(folder: Path) -> list[Log]:
    """Every log below a folder, by path; links are not followed. Never raises for a log."""
    logs: list[Log] = []
    left, runs = MOST_IN_ALL, MOST_RUNS
    for path in log_files(folder):
        name = name_in(folder, path)
        left -= min(os.lstat(path).st_size, MOST_BYTES)
        if len(logs) == MOST_LOGS or left < 0:
            why = (
                f"more than {MOST_LOGS} logs, or {MOST_IN_ALL // 10**6} MB of them, were handed "
                "in, and from this one on none was read"
            )
            return [*logs, Log(name, "", (), why)]
        log = log_at(path, name)
        runs -= len(log.runs)
        if runs < 0:
            why = f"more than {MOST_RUNS} runs were handed in, and those from this log on are left"
            return [*logs, Log(name, log.digest, (), f"{why} out")]
        logs.append(log)
    return logs


def name_in(folder: Path, path: Path) -> str:
    return one_line(path.relative_to(folder).as_posix())


def log_files(folder: Path) -> Iterator[Path]:
    """Ordinary files below the folder that are named as logs are, sorted by path."""
    for path in sorted(folder.rglob("*")):
        if path.name.endswith(SUFFIXES) and stat.S_ISREG(os.lstat(path).st_mode):
            yield path


def log_at(path: Path, name: str) -> Log:
    """A log, or why it cannot be read: whatever is in it, grading goes on."""
    try:
        return read_log(path, name)
    except (OSError, ValueError, ArithmeticError, RecursionError, RuntimeError) as error:
        return Log(name, "", (), plain(error))


def read_log(path: Path, name: str) -> Log:
    """A log; raises OSError, ValueError where it cannot be read or is too large."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES // 10**6} MB")
        readable = unlabelled(content)
        file.seek(0)
        results = (
            results_in_file(file, path.name) if readable is content else within(readable, path)
        )
    in_lines = list(runs_with_lines(bounded_lines(io.BytesIO(readable))))
    runs = tuple(Run(name, result, lines_around(result, in_lines)) for result in results)
    return Log(name, hashlib.sha256(content).hexdigest(), runs)


def within(content: bytes, path: Path) -> list[Result]:
    """The results in this content of the log at ``path``, as the readers find them in a file."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        return results_in_file(cast(BinaryIO, file), path.name)


def lines_around(result: Result, runs: list[tuple[Result | None, RunLines]]) -> RunLines:
    """The lines around this record; none where it stands alone, or there is no record."""
    return next((lines for record, lines in runs if record == result), RunLines())


def plain(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return one_line(str(error)) or type(error).__name__
