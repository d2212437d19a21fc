"""Numbers and units as other tools write them. What cannot have been measured is not a number."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from workshop.record.readers.prefixes import without_prefixes
from workshop.record.results import Result
from workshop.util.text import one_line

MOST = 1e12  # of anything: what is more was not measured
RUNS = 4000  # that are kept of one file
LABELS = 1000  # ranks whose lines are told apart
LONGEST = 20_000  # characters of a line that any of these tools prints

_DECIMAL = re.compile(r"\d{1,30}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_IN_A_SECOND = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_BYTES = {
    "B": 1.0,
    "KB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
    "TiB": 2.0**40,
}
_COUNTS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def number(value: object) -> float | None:
    """A number from a text or from JSON; None for nan, inf, less than 0, and what is too much."""
    if isinstance(value, str):
        value = float(value) if _DECIMAL.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= MOST else None


def positive(value: object) -> float | None:
    """The same without 0: no speed and no time is exactly that."""
    return number(value) or None


def count(value: object) -> int | None:
    """A whole number of something."""
    found = number(value)
    return int(found) if found is not None and found.is_integer() else None


def numbers(values: object) -> list[float]:
    """All of a list's values, if each of them is a number above 0; else none of them."""
    if not isinstance(values, list):
        return []
    found = [positive(value) for value in values]
    kept = [value for value in found if value is not None]
    return kept if len(kept) == len(values) else []


def deviation(values: Sequence[float]) -> float | None:
    """The sample standard deviation of what ``number`` lets through; None for fewer than two.

    ``statistics.stdev`` computes with fractions, which takes twenty times as long.
    """
    count = len(values)
    if count < 2:
        return None
    middle = math.fsum(values) / count
    apart = math.dist(values, (middle,) * count)
    # Equal values are apart from their middle by what that was rounded.
    return apart / math.sqrt(count - 1) if apart > 4e-16 * count * middle else 0.0


def seconds(value: object, unit: object = "s") -> float | None:
    """A time in seconds; None if its unit is not known."""
    found = positive(value)
    parts = _IN_A_SECOND.get(unit) if isinstance(unit, str) else None
    return None if found is None or parts is None else found / parts


def size_in_bytes(value: object, unit: object) -> int | None:
    """A size in bytes, rounded to whole ones; None if its unit is not known."""
    found = _scaled(positive(value), _BYTES, unit)
    return round(found) if found is not None else None


def gigabytes(value: object, unit: object) -> float | None:
    """A size in GB = 1e9 bytes; None if its unit is not known."""
    found = _scaled(positive(value), _BYTES, unit)
    return found / 1e9 if found is not None else None


def parameters(value: object, unit: object) -> int | None:
    """A number of parameters, such as 6.74 B."""
    found = _scaled(positive(value), {**_COUNTS, "": 1.0}, unit)
    return round(found) if found is not None else None


def _scaled(value: float | None, units: dict[str, float], unit: object) -> float | None:
    factor = units.get(unit) if isinstance(unit, str) else None
    return None if value is None or factor is None else value * factor


def words(value: object) -> str | None:
    """A name from elsewhere, safe to print; None if there is nothing of it."""
    return (one_line(value) or None) if isinstance(value, str) else None


def part(document: object, *path: str) -> Any:
    """What is at this path in nested dictionaries; None if it is not there."""
    for key in path:
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document


def labelled(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each line without what launchers and loggers put before it, after the process it names.

    Processes that print at the same time are told apart by that: it is ``srun --label``'s number,
    or '' where there is none (``prefixes.py`` has the others). What is too long to be a tool's own
    line is left out.
    """
    for line in lines:
        if len(line) <= LONGEST:
            yield without_prefixes(line)


def capped(runs: Iterable[Result]) -> list[Result]:
    """The first ``RUNS`` of them. The last one tells if there are more; those are not read."""
    kept: list[Result] = []
    for run in runs:
        if len(kept) == RUNS:
            remark = f"the file holds more than {RUNS} runs: this is the last that was read"
            kept[-1] = dataclasses.replace(kept[-1], warnings=[*kept[-1].warnings, remark])
            break
        kept.append(run)
    return kept
