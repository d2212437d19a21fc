"""Decimal commas, as a program in a German locale prints them: ``40,00 tokens per second``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from workshop.record.readers.units import LONGEST

# The sign between the digits of a number that has a unit after it, or ends its line.
_SEPARATOR = re.compile(
    r"(?<![\d.,])\d{1,12}([.,])\d{1,12} ?"
    r"(?:ms|s|sec|seconds|t/s|tokens|tok/s|±|%|\||[KMGT]i?B|$)(?!\w)",
    re.ASCII,
)
_COMMA = re.compile(r"(?<=\d),(?=\d)", re.ASCII)
_DECIDING = 200_000  # characters that are held until it is known whether commas are decimal


def with_points(lines: Iterable[str]) -> Iterator[str]:
    """The lines with decimal points, where all of the log has commas in their place.

    The log's first measured numbers decide; one with a point among them shows that its commas are
    not decimal.
    """
    rest = iter(lines)
    first: list[str] = []
    signs: set[str] = set()
    held = 0
    for line in rest:
        first.append(line)
        held += len(line)
        signs.update(_SEPARATOR.findall(line) if len(line) <= LONGEST else ())
        if "." in signs or held > _DECIDING:
            break
    has_commas = signs == {","}
    for line in chain(first, rest):
        yield _COMMA.sub(".", line) if has_commas else line
