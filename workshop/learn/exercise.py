"""An exercise is a folder: what a participant gets, and the checks beside it.

exercises/quantize/exercise.toml      title, order, minutes
                   README.md          the idea, the formula, what to predict, write and run
                   exercise.py        the functions to write
                   answers.toml       the predictions to make
                   checks/checks.py   the checks, run by the judge (workshop.learn.checking)
                   checks/*.py        optional: what they need, imported from there
                   checks/driver.py   optional: ours, run beside the participant's code
                   checks/wrong/*.py  known wrong answers, each with the hint that it must get
solutions/quantize/                   README.md, exercise.py and answers.toml, solved
                   hidden.py          optional: checks for grading alone, written as checks.py is
                   hidden_wrong/*.py  answers that pass checks.py, and not the hidden check named
"""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from workshop.learn.answers import Question, read_questions
from workshop.util.assets import folder

if TYPE_CHECKING:  # it needs torch, which takes a second to import
    from workshop.learn.checking import Check

ABOUT = "exercise.toml"
CODE = "exercise.py"
ANSWERS = "answers.toml"
HIDDEN = "hidden.py"


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
    """The checks of its check file, in the order in which they stand there."""
    return checks_in(exercise.folder / "checks" / "checks.py", package_of(exercise))


def package_of(exercise: Exercise) -> str:
    """What its checks are imported as."""
    return f"workshop_checks_{exercise.name.replace('-', '_')}"


def hidden_checks_of(exercise: Exercise) -> list[Check]:
    """The checks that nobody sees beforehand, of solutions/<exercise>/hidden.py; often none.

    They are written as the others are, and with what those are: ``from ..reference import right``
    means the reference.py that lies beside the checks.py of the exercise.
    """
    checks_of(exercise)  # what they import
    return checks_in(exercise.solution / HIDDEN, f"{package_of(exercise)}.hidden")


def checks_in(path: Path, name: str) -> list[Check]:
    """The checks of a file, in the order in which they stand there; none where it is not there.

    The file is ours: it comes with the package, never from a participant. It is loaded as a package
    ``name``, which the files beside it belong to: ``from .layer import Layer`` means the layer.py
    of this folder, whatever other exercises have of that name.
    """
    from workshop.learn.checking import Check

    if not path.is_file():
        return []
    for earlier in [one for one in sys.modules if one.startswith(f"{name}.")]:
        del sys.modules[earlier]  # of a folder that this was loaded from before
    spec = importlib.util.spec_from_file_location(
        name, path, submodule_search_locations=[str(path.parent)]
    )
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
