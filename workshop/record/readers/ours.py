"""Our own logs: lines for people, and one line with the record.

A log is untrusted text: a model wrote part of it, several processes may have written at once, and
the disk may have been full. So every pattern is held against a whole line, a file is read piece by
piece, and what does not parse is passed over. Nothing is ever guessed from the lines for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TypeVar

from workshop.record import results
from workshop.record.readers.last_words import Listener
from workshop.record.readers.lines import (
    bounded_lines,
    ends_and_needle_lines,
    first_line,
    needle_lines,
    opened,
    visible,
)
from workshop.record.readers.unknown import NAME as UNKNOWN
from workshop.record.readers.unknown import has_begun, head_of
from workshop.record.results import RecordError, Result, Sample
from workshop.stages import STAGES
from workshop.stages.settings import Settings
from workshop.util.text import QUOTED, SKIPPED, one_line

NAME = "workshop"
NEEDLES = (b"WORKSHOP-",)
_STAGE = "Stage: "
_WORDS = (*NEEDLES, _STAGE.encode())
_MOST_WAITING = 64  # samples of a run that are kept unparsed
_LONGEST_WAITING = 100_000  # characters of such a sample
_ENDS = 1 << 20  # bytes at a log's beginning and end in which last words are looked for

__all__ = ["bounded_lines", "one_line", "read_log", "results_in", "visible"]

# What follows is JSON: text that only speaks of such lines is not taken for them.
_OURS = tuple(
    prefix + "{" for prefix in (results.PREFIX, results.SETTINGS_PREFIX, results.SAMPLE_PREFIX)
)
_ALONE = re.compile(r'\{\s*"stage"')  # as `workshop run --json` prints it
_ALPHANUMERIC = re.compile(r"[^\W_]")
_STAGE_LINE = re.compile(_STAGE + r"(\S+)\s*")
T = TypeVar("T")


def read_log(path: Path) -> list[Result]:
    """The results in a log of ours, never none: a log without a record gives one that says why.

    Raises:
        OSError: the file cannot be opened or read.
    """
    with opened(path) as file:
        return records(file).whole or explained(file, path.name)


@dataclass(frozen=True)
class Records:
    """What the records of a log alone tell.

    Attributes:
        ours: whether the log has any line of ours.
        whole: the results, if the log's last run left its record; else there is more to look at.
    """

    ours: bool
    whole: list[Result]


def records(file: BinaryIO) -> Records:
    """Read the lines that hold records, and no others; the file is left at its beginning."""
    # `workshop run --json` prints the record alone: then it is the first line, without a needle.
    first, found = first_line(file), needle_lines(file, NEEDLES)
    seen = _seen(found if NEEDLES[0].decode() in first else chain([first], found))
    file.seek(0)
    run = seen.run
    whole = run.record is not None or (bool(seen.finished) and run.settings is None)
    return Records(seen.ours, seen.results if whole else [])


def explained(file: BinaryIO, file_name: str) -> list[Result]:
    """The results of a log whose last run left no record; the last one says why."""
    return explanation(file, file_name).results


@dataclass(frozen=True)
class Explanation:
    """What can be said of a log whose last run left no record.

    Attributes:
        results: never none; the last one says why there is no record.
        known: whether anything in the log, or its name, tells that it is ours or gpt-fast's, or
            what ended its job. Else it may be a whole log of any tool.
    """

    results: list[Result]
    known: bool


def explanation(file: BinaryIO, file_name: str) -> Explanation:
    """Read a log's beginning and end, and what lies between for lines of ours."""
    seen = _seen(ends_and_needle_lines(file, _WORDS, _ENDS))
    found = _results(seen, file_name)
    named = _stage_of_file(file_name) is not None
    ended = _tells_an_end(seen.run)
    begun = has_begun(seen.heads, seen.run.last_line, ended)
    if seen.empty or seen.ours or begun or named:
        return Explanation(found, known=True)
    return Explanation([*found[:-1], replace(found[-1], format=UNKNOWN)], known=ended)


def _tells_an_end(run: _Run) -> bool:
    """Whether a line says what ended the job; what may be noise counts only as the last line."""
    words = run.listener.words
    if words is None or not run.listener.only_hints:
        return words is not None
    return run.last_line is not None and run.last_line.endswith(words.line[:QUOTED].strip())


@dataclass
class _Run:
    """What a log has told so far of one run."""

    stage: str | None = None
    settings: Settings | None = None
    samples: list[Sample] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)  # samples that only matter without a record
    record: Result | None = None
    record_problem: str | None = None  # why the log's last line is not the record it should be
    last_line: str | None = None
    listener: Listener = field(default_factory=Listener)


@dataclass
class _Seen:
    """What was seen of a whole log."""

    finished: list[Result] = field(default_factory=list)  # of the runs before the last
    run: _Run = field(default_factory=_Run)  # the last
    empty: bool = True
    ours: bool = False
    heads: set[str] = field(default_factory=set)  # lines that a run begins with

    @property
    def results(self) -> list[Result]:
        return [*self.finished, self.run.record] if self.run.record else self.finished


def results_in(lines: Iterable[str], file_name: str) -> list[Result]:
    """The results that the lines of a log hold: of every run that finished, and of the last one.

    A line of settings opens a run, and the last record before the next such line is that run's:
    a record that the model's own text imitates comes earlier. Records without settings before
    them (from a log that was cut or put together by hand) are taken one by one.
    """
    return _results(_seen(lines), file_name)


def _results(seen: _Seen, file_name: str) -> list[Result]:
    run = seen.run
    if run.record is None and (run.settings or not seen.finished):
        return [*seen.finished, _without_record(run, file_name, seen.empty)]
    return seen.results


def _seen(lines: Iterable[str]) -> _Seen:
    seen = _Seen()
    for number, line in enumerate(lines):
        run = seen.run
        seen.empty = seen.empty and not line.strip()
        seen.ours = seen.ours or line.startswith(_OURS)
        if line.startswith(results.SETTINGS_PREFIX):
            if settings := settings_of(line):
                seen.finished += [run.record] if run.record else []
                seen.run = _Run(run.stage, settings)
        elif line.startswith(results.SAMPLE_PREFIX):
            _add_sample(run, line.removeprefix(results.SAMPLE_PREFIX))
        elif line.startswith(results.PREFIX) or (number == 0 and _ALONE.match(line)):
            _add_record(run, line.removeprefix(results.PREFIX))
            if run.settings is None and run.record:
                seen.finished.append(run.record)
                seen.run = _Run()
        else:
            if head := head_of(line):
                seen.heads.add(head)
            _add_words(run, line)
    return seen


def settings_of(line: str) -> Settings | None:
    """The settings that a line gives; None where it has none, or those of an unknown stage."""
    settings = _parse(results.settings_from_json, line.removeprefix(results.SETTINGS_PREFIX))
    return settings if settings and settings.stage in STAGES else None


def sample_of(line: str) -> Sample | None:
    """The sample that a line gives; None where it has none."""
    return _parse(results.sample_from_json, line.removeprefix(results.SAMPLE_PREFIX))


def record_or_none(line: str) -> Result | None:
    """The record that a line gives; None where it has none."""
    return _parse(record_of, line.removeprefix(results.PREFIX))


def _parse(read: Callable[[str], T], text: str) -> T | None:
    try:
        return read(text)
    except RecordError:
        return None


def record_of(text: str) -> Result:
    """The record that a text is; raises RecordError."""
    record = results.from_json(text)
    if record.settings and record.settings.stage not in STAGES:
        raise RecordError(
            f"its stage is {record.settings.stage!r}, which this workshop does not have"
        )
    return record


def _add_record(run: _Run, text: str) -> None:
    try:
        run.record = record_of(text)
        run.record_problem = None
    except RecordError as error:
        whole = text.rstrip().endswith("}")
        run.record_problem = str(error) if whole else "it is cut off"


def _add_sample(run: _Run, text: str) -> None:
    """Keep a sample. The record has it too: mostly, this one need not be parsed."""
    if run.settings is None:
        return
    if len(run.waiting) >= _MOST_WAITING or run.record or run.record_problem:
        _parse_samples(run)
    run.waiting.append(text)
    if len(text) > _LONGEST_WAITING or run.record or run.record_problem:
        before = len(run.samples)
        _parse_samples(run)
        if len(run.samples) > before:  # before a sample, that was not the run's end
            run.record = run.record_problem = None


def _parse_samples(run: _Run) -> None:
    """Take the samples that wait to be parsed, as many as were announced."""
    texts, run.waiting = run.waiting, []
    for text in texts:
        sample = sample_of(text)
        wanted = run.settings.samples if run.settings else 0
        if sample and _possible(sample) and len(run.samples) < wanted:
            run.samples.append(sample)


def _possible(sample: Sample) -> bool:
    """Whether a stopwatch and a model can have given these numbers, so that means exist."""
    speed = sample.tokens_per_second
    times = (sample.ttft_seconds, sample.decode_seconds)
    counts = [sample.verify_passes or 0, sample.accepted or 0]
    counts += [*(sample.proposed_by_position or []), *(sample.accepted_by_position or [])]
    return (
        all(0 <= seconds < 1e9 for seconds in times)
        and all(0 <= count < 1e9 for count in counts)
        and (speed is None or speed < 1e12)
    )


def _add_words(run: _Run, line: str) -> None:
    """Take from a line for people what a log without a record is described with."""
    run.listener.hear(line)
    start = line[: 4 * QUOTED].strip()
    if not _ALPHANUMERIC.search(start) or SKIPPED in start:
        return
    if start.startswith("|"):  # the model's
        return
    run.last_line = start
    run.record_problem = None
    if run.stage is None and line.startswith(_STAGE):
        match = _STAGE_LINE.fullmatch(line)
        run.stage = match[1] if match and match[1] in STAGES else None


def _without_record(run: _Run, file_name: str, empty: bool) -> Result:
    """The result of a run that left no record: its finished samples, and why there are no more."""
    _parse_samples(run)
    stage = run.settings.stage if run.settings else run.stage or _stage_of_file(file_name)
    words = None if run.record_problem else run.listener.words
    result = Result(
        stage=stage,
        status="incomplete" if run.samples else "failed",
        reason=_reason(run, empty),
        advice=one_line(words.advice, 2 * QUOTED) if words and words.advice else None,
        against=STAGES[stage].against if stage else None,
        settings=run.settings,
    )
    return results.with_samples(result, run.samples) if run.samples else result


def _reason(run: _Run, empty: bool) -> str:
    if empty:
        return "the log is empty: the run has not started, or its output went elsewhere"
    if run.record_problem:
        return one_line(f"the result line cannot be read: {run.record_problem}", 2 * QUOTED)
    done = f"after {len(run.samples)} of {run.settings.samples} samples" if run.settings else ""
    sentence = f"the run did not finish {done}".strip()
    if (words := run.listener.words) is not None:
        return f"{sentence}: {one_line(words.reason)} ('{one_line(words.line)}')"
    if run.last_line is None:
        return f"{sentence}: there is no result line"
    return f"{sentence}: there is no result line, and the last line is '{one_line(run.last_line)}'"


def _stage_of_file(file_name: str) -> str | None:
    """The stage that a log named ``job-<stage>-<id>.out`` belongs to."""
    named = [
        stage
        for stage in STAGES
        if file_name.startswith(f"job-{stage}-") and file_name.endswith(".out")
    ]
    return max(named, key=len, default=None)
