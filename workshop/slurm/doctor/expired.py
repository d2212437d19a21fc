"""A reservation that is not there: is it over, or is its name misspelt?"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

from workshop.slurm.doctor.reservation import moment, named, reservations
from workshop.slurm.facts.inventory import Reservation

# What tells the days and groups of a class apart: numbers, names of days, single letters.
DAYS = "mon|tue|wed|thu|fri|sat|sun"
COUNTER = re.compile(
    rf"[0-9]+|(?<![A-Za-z])(?i:(?:{DAYS})(?:[a-z]*day)?)(?![A-Za-z])"
    r"|(?<![A-Za-z])[A-Za-z](?![A-Za-z])|(?<=[a-z])[A-Z](?![A-Za-z])"
)


def expired(reservation: str) -> list[str]:
    """Of the names in a value of --reservation, those of reservations that are over.

    A name that differs by a letter from one that is there is a slip of the pen; ``class1`` and
    ``class2`` are two days. Where Slurm does not answer, nothing is over.
    """
    there = reservations()
    return [] if there is None else [one for one in named(reservation) if over(one, there)]


def over(name: str, there: Sequence[Reservation]) -> bool:
    """Whether one reservation is gone."""
    for one in there:
        if one.name == name:
            end = moment(one.end)
            return end is not None and end < datetime.datetime.now() and not one.repeats
    return not any(is_slip(name, one.name) for one in there)


def is_slip(name: str, other: str) -> bool:
    """Whether one name is the other with a letter wrong, missing, added or swapped."""
    one, two = (COUNTER.sub("#", text).lower() for text in (name, other))
    if one == two:
        return name.lower() == other.lower()  # but for that, they are two days
    return one_edit_apart(one, two) or one_edit_apart(name, other)


def one_edit_apart(one: str, two: str) -> bool:
    """Whether one letter put in, left out or replaced, or two neighbours swapped, is all."""
    if len(one) > len(two):
        one, two = two, one
    same = 0
    while same < len(one) and one[same] == two[same]:
        same += 1
    rest, other = one[same:], two[same:]
    if len(one) < len(two):
        return rest == other[1:]
    swapped = len(rest) > 1 and rest[:2] == other[1::-1] and rest[2:] == other[2:]
    return rest[1:] == other[1:] or swapped
