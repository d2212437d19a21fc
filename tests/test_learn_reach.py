"""Which checks a change to a solution can reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from workshop.learn.exercise import checks_in
from workshop.learn.reach import reach_of, reached_by

CHECKS = """
from workshop.learn.checking import Work, check

from .parts import both

HINTS = ("area", "a", "b")


@check(points=1, hints=HINTS)
def sides(work: Work) -> None:
    work.call("side", 2)


@check(points=1, hints=HINTS, needs=("sides",))
def areas(work: Work) -> None:
    both(work)


@check(points=1, hints=("side", "a", "b"))
def names(work: Work) -> None:
    for name in ("title", "label"):
        work.call(name)


@check(points=1, hints=HINTS)
def driven(work: Work) -> None:
    work.call("driver:twice", 3)
"""
PARTS = 'def both(work):\n    work.call("area", 1)\n    work.call("rim", 1)\n'
DRIVER = """
def twice(theirs, x):
    return step(theirs, step(theirs, x))


def step(theirs, x):
    return theirs.rim(x)
"""
SOLUTION = """
import math

def side(x):
    return math.fabs(x)

def area(x):
    return side(x) ** 2

def rim(x):
    return 4 * x

def title():
    return "t"

def label():
    return title()
"""


@pytest.mark.parametrize(
    ("change", "reached"),
    [
        ("def side(x):\n    return 3", ["sides", "areas"]),  # areas by way of area
        ("def area(x):\n    return 3", ["areas"]),
        ("def rim(x):\n    return 3", ["areas", "driven"]),  # by way of the driver's own function
        ("'''Words.'''\nimport os\nK = 1\ndef title():\n    return K", ["names"]),
        ("import math\ndef rim(x):\n    return math.pi", ["areas", "driven"]),  # math is the same
        ("def nobody_calls_it():\n    return 3", []),
        ("side = 3\nprint(side)", ["sides", "areas", "names", "driven"]),  # it does more
    ],
)
def test_what_a_change_reaches(tmp_path: Path, change: str, reached: list[str]) -> None:
    for name, text in (("checks", CHECKS), ("parts", PARTS), ("driver", DRIVER)):
        (tmp_path / f"{name}.py").write_text(text)
    checks = checks_in(tmp_path / "checks.py", "workshop_checks_of_reach")
    found = reached_by(checks, reach_of(checks, tmp_path), SOLUTION, change)
    assert [check.name for check in found] == reached


def test_a_check_needs_only_those_that_are_run_with_it(tmp_path: Path) -> None:
    (tmp_path / "checks.py").write_text(CHECKS)
    (tmp_path / "parts.py").write_text(PARTS)
    checks = checks_in(tmp_path / "checks.py", "workshop_checks_of_reach")
    (areas,) = reached_by(checks, reach_of(checks, tmp_path), SOLUTION, "def area(x):\n    pass")
    assert (areas.name, areas.needs) == ("areas", ())
