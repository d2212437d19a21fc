"""Slurm's short form of node names -> the names: sim[01-03],login1."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

MOST = 100_000  # names; no cluster has more nodes
LONGEST = 100_000  # characters

_PART = re.compile(r"\[([^\[\]]*)\]|([^\[\]]+)")
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


def names(text: str) -> frozenset[str] | None:
    """The nodes that a list names; None where it cannot be read, or names too many."""
    if len(text) > LONGEST:
        return None
    found: set[str] = set()
    for word in words(text):
        parts = [choices(*match.groups()) for match in _PART.finditer(word)]
        if "".join(match[0] for match in _PART.finditer(word)) != word:
            return None  # a bracket without its other half
        count = 1
        for part in parts:
            count *= len(part)
        if not count or len(found) + count > MOST:
            return None
        found.update(map("".join, itertools.product(*parts)))
    return frozenset(found)


def words(text: str) -> Iterator[str]:
    """What the commas outside of brackets separate."""
    depth, start = 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth <= 0:
            yield text[start:place]
            start = place + 1
    if text[start:]:
        yield text[start:]


def choices(ranges: str | None, literal: str | None) -> list[str]:
    """What can stand in one place of a name: the numbers in brackets, or the letters as written.

    Nothing where the brackets hold something else, or too many numbers.
    """
    if ranges is None:
        return [literal or ""]
    found: list[str] = []
    for piece in ranges.split(","):
        match = _RANGE.fullmatch(piece)
        if match is None:
            return []
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or len(found) + last - first > MOST:
            return []
        found += [f"{number:0{len(match[1])}}" for number in range(first, last + 1)]
    return found


def share(one: str, other: str) -> frozenset[str] | None:
    """The nodes that two lists have in common; None where either is empty or cannot be read."""
    first, second = names(one), names(other)
    return first & second if first and second else None
