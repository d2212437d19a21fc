"""A value of a source's settings, as a condition of the record."""

from __future__ import annotations

import re

from workshop.record.readers.units import MOST, words
from workshop.record.results import Condition

_NUMBER = re.compile(r"-?\d{1,30}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,3})?", re.ASCII)


def condition(value: object) -> Condition | None:
    """A switch, a number or words, also where a source writes them as text; None of nothing.

    A number of 32 bits comes without the digits that it has in 64 only (0.949999988 is 0.95).
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
