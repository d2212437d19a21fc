"""A number beside the right one, and what was probably done in place of it."""

from __future__ import annotations

Slips = tuple[tuple[float | None, str], ...]


def near(actual: float, expected: float | None, within: float) -> bool:
    return expected is not None and abs(actual - expected) <= within * abs(expected)


def slip(actual: float, slips: Slips, within: float) -> str | None:
    """What was probably done in place of the right thing."""
    return next((hint for wrong, hint in slips if near(actual, wrong, within)), None)
