"""A number beside the right one, and what was probably done in place of it."""

from __future__ import annotations

from workshop.learn.checking import Work, Wrong, number

Slips = tuple[tuple[float | None, str], ...]


def near(actual: float, expected: float | None, within: float) -> bool:
    return expected is not None and abs(actual - expected) <= within * abs(expected)


def slip(actual: float, slips: Slips, within: float) -> str | None:
    """What was probably done in place of the right thing."""
    return next((hint for wrong, hint in slips if near(actual, wrong, within)), None)


def formula(work: Work, name: str, given: tuple[float, ...], expected: float, slips: Slips) -> None:
    """Call their function, and name the cause where the difference betrays it."""
    what = f"{name}({', '.join(f'{value:.6g}' for value in given)})"
    actual = number(work.call(name, *given), what)
    if not near(actual, expected, 1e-6):
        raise Wrong(f"{what} is off", expected, actual, slip(actual, slips, 1e-6))
