"""An exercise to grade quickly, and what people hand in for it."""

from __future__ import annotations

import datetime
import io
import zipfile
from pathlib import Path

from patience import HANG

from workshop.grading.attempt import Order
from workshop.judge.isolation import Isolation

CHECKS = """
import os
from workshop.learn.checking import Work, Wrong, check, number, same_number
from workshop.judge.limits import Limits

HINTS = ("What is twice a number?", "A number and itself.", "2 * x")
LIMITS = Limits(seconds=300)


@check(points=2, hints=HINTS, limits=LIMITS)
def doubling(work: Work) -> None:
    x = work.draw.integer(3, 10**6)
    actual = work.call("double", x)
    if actual == "kill the judge":
        os.kill(os.getpid(), 9)  # whatever ends ours may be in an answer
    if actual == x * x:
        raise Wrong("the double is off", 2 * x, actual, "that is the square")
    same_number(actual, 2 * x, f"the double of {x}")


@check(points=1, hints=HINTS, limits=LIMITS, needs=("doubling",))
def doubling_twice(work: Work) -> None:
    same_number(work.call("driver:twice", 5), 20, "doubled twice")


@check(points=1, hints=HINTS, limits=LIMITS)
def adding(work: Work) -> None:
    same_number(work.call("add", 2, 3), 5, "the sum")
"""
HIDDEN = """
from workshop.learn.checking import Work, check, same_number
from workshop.judge.limits import Limits

HINTS = ("Is a number always above 0?", "It may be below.", "2 * x")


@check(points=2, hints=HINTS, limits=Limits(seconds=300))
def doubling_what_is_below_zero(work: Work) -> None:
    x = -work.draw.integer(3, 1000)
    same_number(work.call("double", x), 2 * x, "the double")


@check(points=1, hints=HINTS, limits=Limits(seconds=300))
def adding_nothing(work: Work) -> None:
    same_number(work.call("add", 2, 0), 2, "the sum")
"""
SOLUTION = "def double(x):\n    return 2 * x\n\n\ndef add(a, b):\n    return a + b\n"
STARTER = SOLUTION.replace("return 2 * x", "raise NotImplementedError").replace(
    "return a + b", "raise NotImplementedError"
)
FILES = {
    "exercises/sums/exercise.toml": 'title = "Sums"\norder = 1\nminutes = 5\n',
    "exercises/sums/README.md": "# Sums\n",
    "exercises/sums/exercise.py": STARTER,
    "exercises/sums/answers.toml": 'half = "?"\n',
    "exercises/sums/checks/checks.py": CHECKS,
    "exercises/sums/checks/driver.py": "def twice(theirs, x):\n"
    "    return theirs.double(theirs.double(x))\n",
    "solutions/sums/exercise.py": SOLUTION,
    "solutions/sums/hidden.py": HIDDEN,
    "solutions/sums/answers.toml": '[half]\nvalue = 0.5\nreasoning = "1 / 2"\n',
}
EARLY = datetime.datetime(2026, 11, 19, 12, 0, tzinfo=datetime.UTC)


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def sums_order(
    place: Path, isolation: Isolation = "process", seed: int = 1, seconds: float = HANG
) -> Order:
    """To grade the exercise ``sums``, written below ``place``; each check has so many seconds."""
    limited = {
        name: text.replace("seconds=300", f"seconds={seconds:g}") for name, text in FILES.items()
    }
    write(place, limited)
    work = place / "out" / "work"
    (work / "kept").mkdir(parents=True, exist_ok=True)
    roots = (place / "exercises", place / "solutions")
    return Order(work, seed, isolation, ("sums",), *roots)


def zipped(path: Path, files: dict[str, str]) -> Path:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    path.write_bytes(data.getvalue())
    return path
