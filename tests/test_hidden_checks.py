"""Hidden checks: fair to the solution, and telling of what the visible ones cannot see."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from unhurried import unhurried

from workshop.judge.server import ForkServer, room
from workshop.learn.checking import Check
from workshop.learn.exercise import CODE, Exercise, checks_of, exercises, hidden_checks_of
from workshop.learn.run import Outcome, run_checks
from workshop.learn.verify import constant, solved

__all__ = ["unhurried"]  # a fixture

EXERCISES = exercises()
WRONG = sorted(
    path for one in EXERCISES.values() for path in one.solution.glob("hidden_wrong/*.py")
)
SLOW = ("compile", "capstone")  # to look at all that participants see takes them many seconds


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with room() as started:  # in the isolation that grading has
        yield started


def outcomes(
    exercise: Exercise, checks: list[Check], file: Path, server: ForkServer, seed: int
) -> dict[str, Outcome]:
    found = run_checks(exercise.name, checks, file, exercise.driver, server, seed)
    return {outcome.check: outcome for outcome in found}


def told(outcomes: dict[str, Outcome]) -> list[str]:
    """What did not pass, and why."""
    return [
        f"{o.check}: {o.message} (expected {o.expected}, got {o.actual})"
        for o in outcomes.values()
        if o.status != "passed"
    ]


WITH_CODE = [name for name, one in EXERCISES.items() if (one.solution / CODE).is_file()]


@pytest.mark.parametrize("name", WITH_CODE)
def test_every_exercise_has_one_to_three_of_names_of_their_own(name: str) -> None:
    """That the solution passes them, and the untouched starter none, is in test_exercises.py."""
    hidden = hidden_checks_of(EXERCISES[name])
    assert 1 <= len(hidden) <= 3
    assert not {check.name for check in hidden} & {c.name for c in checks_of(EXERCISES[name])}


@pytest.mark.parametrize("path", WRONG, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_what_passes_all_that_participants_see_fails_the_hidden_check(
    path: Path, server: ForkServer
) -> None:
    exercise = EXERCISES[path.parents[1].name]
    source = path.read_text(encoding="utf-8")
    named = constant(source, "CHECK")
    solution = (exercise.solution / CODE).read_text(encoding="utf-8")
    seed = secrets.randbelow(10**9)
    with solved(exercise, f"{solution}\n\n{source}") as folder:
        file = folder / CODE
        found = outcomes(exercise, hidden_checks_of(exercise), file, server, seed)
        assert found[named].status == "failed"
        assert found[named].message
        assert len(told(found)) == 1, told(found)
        if exercise.name not in SLOW:
            visible = outcomes(exercise, checks_of(exercise), file, server, seed)
            assert not told(visible), f"with seed {seed}"


def test_every_hidden_check_has_an_answer_that_only_it_tells() -> None:
    named = {(path.parents[1].name, constant(path.read_text(), "CHECK")) for path in WRONG}
    hidden = {(name, c.name) for name, one in EXERCISES.items() for c in hidden_checks_of(one)}
    assert named == hidden
