"""An exercise is a folder: what a participant gets, and the checks beside it.

exercises/quantize/exercise.toml      title, order, minutes
                   README.md          the idea, the formula, what to predict, write and run
                   exercise.py        the functions to write
                   answers.toml       the predictions to make
                   checks/checks.py   the checks, run by the judge (workshop.learn.checking)
                   checks/driver.py   optional: ours, run beside the participant's code
                   checks/wrong/*.py  known wrong answers, each with the hint that it must get
solutions/quantize/                   README.md, exercise.py and answers.toml, solved
"""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from workshop.assets import folder
from workshop.learn.answers import Question, read_questions
from workshop.learn.checking import Check

ABOUT = "exercise.toml"
CODE = "exercise.py"
ANSWERS = "answers.toml"


class ExerciseError(ValueError):
    """An exercise that is not as it must be, for its author; the message names the file."""


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What exercise.toml says.

    Attributes:
        order: place in the list.
        minutes: that it takes, about.
        core: part of the half day; the others are for a second one.
    """

    title: str
    order: int
    minutes: int
    core: bool = True


@dataclass(frozen=True)
class Exercise:
    """One exercise; ``name`` is its folder's."""

    name: str
    about: About
    folder: Path
    solution: Path

    @property
    def driver(self) -> Path | None:
        path = self.folder / "checks" / "driver.py"
        return path if path.is_file() else None

    @property
    def handed_out(self) -> list[Path]:
        """What a participant gets, relative to the folder: all but checks and exercise.toml."""
        files = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return sorted(
            path
            for path in files
            if path.parts[0] != "checks" and path.name != ABOUT and "__pycache__" not in path.parts
        )


def exercises(root: Path | None = None, solutions: Path | None = None) -> dict[str, Exercise]:
    """All exercises by name, in their order; raises ExerciseError."""
    root = root or folder("exercises")
    solutions = solutions or folder("solutions")
    found = [
        Exercise(path.parent.name, read_about(path), path.parent, solutions / path.parent.name)
        for path in root.glob(f"*/{ABOUT}")
    ]
    return {one.name: one for one in sorted(found, key=lambda one: (one.about.order, one.name))}


def read_about(path: Path) -> About:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=About)
    except (msgspec.DecodeError, ValueError, OSError) as error:
        raise ExerciseError(f"{path}: {error}") from None


def checks_of(exercise: Exercise) -> list[Check]:
    """The checks of its check file, in the order in which they stand there.

    The file is ours: it comes with the package, never from a participant.
    """
    path = exercise.folder / "checks" / "checks.py"
    if not path.is_file():
        return []
    name = f"workshop_checks_{exercise.name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return [value for value in vars(module).values() if isinstance(value, Check)]


def questions_of(exercise: Exercise) -> list[Question]:
    """The predictions that it asks for, with what is expected; raises ExerciseError."""
    path = exercise.solution / ANSWERS
    if not path.is_file():
        return []
    try:
        return read_questions(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ExerciseError(f"{path}: {error}") from None
