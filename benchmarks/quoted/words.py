"""Numbers as the docs write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Spread = Mapping[str, float]  # median, min, max


def times(value: float) -> str:
    """'1.53x', '35.6x', '120x'."""
    return f"{digits(value)}x"


def digits(value: float) -> str:
    """Three digits that mean something: 0.0193, 3.41, 24.1, 1430."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def times_spread(one: Spread) -> str:
    """'1.53x (1.44 to 2.54)'."""
    return f"{one['median']:.2f}x ({one['min']:.2f} to {one['max']:.2f})"


def spread(one: Spread) -> str:
    """'38 (32 to 61)', each in three digits."""
    return f"{digits(one['median'])} ({digits(one['min'])} to {digits(one['max'])})"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown."""
    lines = [row(head), f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(row(cells) for cells in rows)])


def row(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"


NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def in_words(number: int) -> str:
    """'five', '12'."""
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def listed(words: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
