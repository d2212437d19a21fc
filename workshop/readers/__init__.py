"""Reading logs: a format per module, each turning text into results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workshop.readers import ours
from workshop.results import Result
from workshop.stages import UsageError


@dataclass(frozen=True)
class Reading:
    """A result, and the file that it comes from."""

    path: Path
    result: Result


def read_logs(paths: Iterable[Path]) -> list[Reading]:
    """The results of these logs, in the order given; a file that is named twice is read once.

    Raises:
        UsageError: a file is missing, is a directory or cannot be read.
    """
    distinct: dict[Path, Path] = {}
    for path in paths:
        distinct.setdefault(_identity(path), path)
    return [Reading(path, result) for path in distinct.values() for result in _results_in(path)]


def _identity(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name too long, a NUL
        return path


def _results_in(path: Path) -> list[Result]:
    try:
        return ours.read_log(path)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a directory; name its logs: {path}/job*.out") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error}") from None
