"""One value of a source's settings, as a condition of the record.

Two kinds of source need two rules: one prints the settings that a run had (``as_stated``), the
other dumps all of its arguments, of which most were never set (``if_set``).
"""

from __future__ import annotations

import re

from workshop.record.readers.units import MOST, number, words
from workshop.record.results import Condition
from workshop.util.text import one_line

LONGEST_VALUE = 80  # characters of a condition

_NUMBER = re.compile(r"-?\d{1,30}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_UNSET = re.compile(r"none|auto|false|null|not set|-[\d.]+", re.ASCII | re.IGNORECASE)


def if_set(value: object) -> Condition | None:
    """The value of a setting among all those that a source dumps, defaults included.

    None for what is unset, off, automatic or no plain value, so that a run that names a default
    equals one that does not. Numbers that are written as text become numbers, so that ``"0.0"``
    equals ``0``.
    """
    if value is None or value is False or value == "":
        return None
    if value is True:
        return True
    if (found := number(value)) is not None:
        return int(found) if found.is_integer() else found
    if not isinstance(value, str) or _UNSET.fullmatch(value):
        return None
    return True if value == "True" else one_line(value, LONGEST_VALUE) or None


def as_stated(value: object) -> Condition | None:
    """The value of a setting that a source prints for what it is: off and -1 count as well.

    A switch, a number or words, also where the source writes them as text; None of nothing. A
    number of 32 bits comes without the digits that it has in 64 only (0.949999988 is 0.95).
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip() in ("True", "False", "true", "false"):
        return value.strip().lower() == "true"
    if isinstance(value, int | float) or (
        isinstance(value, str) and _NUMBER.fullmatch(value.strip())
    ):
        return _number(value)
    return words(value)


def _number(value: int | float | str) -> int | float | None:
    found = value if isinstance(value, int) else float(value)
    if not -MOST <= found <= MOST:
        return None
    return int(found) if float(found).is_integer() else float(f"{found:.7g}")
