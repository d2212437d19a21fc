"""Reading logs: a format per module, each turning text into results.

Our own record wins: a log with one is ours, whatever else it says. Else the first of the other
formats that knows the log has it (``registry.py``); else the log's last words are the result. A log
that is not ours and has no such words is of an unknown format.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from workshop.record.readers import html, ours, registry, unknown
from workshop.record.readers.documents import is_cut_off
from workshop.record.readers.lines import first_line, opened
from workshop.record.results import Result
from workshop.record.stage_evidence import as_stage
from workshop.stages import STAGES
from workshop.util.errors import UsageError

CUT_OFF = "the file is JSON that is cut off: its end is missing"


@dataclass(frozen=True, slots=True)
class Reading:
    """A result, and the file that it comes from."""

    path: Path
    result: Result


def read_logs(paths: Iterable[Path]) -> list[Reading]:
    """The results of these logs, in the order given; a file that is named twice is read once.

    ``compile=FILE`` names the stage, too, which a log of another tool may not tell.

    Raises:
        UsageError: a file is missing, is a directory or cannot be read; a stage that there is not.
    """
    distinct: dict[Path, tuple[str | None, Path]] = {}
    for argument in paths:
        stage, path = _stage_and_file(argument)
        distinct.setdefault(_identity(path), (stage, path))
    return [
        Reading(path, as_stage(result, stage) if stage else result)
        for stage, path in distinct.values()
        for result in _results_in(path)
    ]


def _stage_and_file(path: Path) -> tuple[str | None, Path]:
    """Stage and file of ``compile=job.out``; no stage where no equals sign stands before a file.

    Raises:
        UsageError: no file of the whole name is there, and what stands before '=' is no stage.
    """
    name, sign, file = str(path).partition("=")
    if not sign or not file or "/" in name or _exists(path):
        return None, path
    if name not in STAGES:
        raise UsageError(
            f"there is no file {path}, and {name!r} is no stage: before '=' may stand "
            f"{', '.join(STAGES)}"
        )
    return name, Path(file)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _identity(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name too long, a NUL
        return path


def _results_in(path: Path) -> list[Result]:
    try:
        with opened(path) as file:
            return results_in_file(file, path.name)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a directory; name its logs: {path}/job*.out") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error}") from None


def results_in_file(file: BinaryIO, file_name: str) -> list[Result]:
    """The results of a log of any format, or of a report that was made of some; never none."""
    if reported := html.records_in_file(file):
        return reported
    records = ours.records(file)
    if records.whole:
        return records.whole
    found = [] if records.ours else registry.results_of(file, file_name)
    if not found:
        return _without_result(file, file_name)
    if all(result.status == "ok" or result.reason for result in found):
        return found
    *_, last = ours.explained(file, file_name)
    return [
        result
        if result.status == "ok" or result.reason
        else replace(result, reason=last.reason, advice=last.advice)
        for result in found
    ]


def _without_result(file: BinaryIO, file_name: str) -> list[Result]:
    """What can be said of a log without a result."""
    explanation = ours.explanation(file, file_name)
    file.seek(0)
    found = explanation.results
    if len(found) == 1 and is_cut_off(file, first_line(file)):
        name = ours.NAME if unknown.is_our_document(file) else unknown.NAME
        return [replace(found[0], status="failed", format=name, reason=CUT_OFF, advice=None)]
    return found if explanation.known else [unknown.result()]
