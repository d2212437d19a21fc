"""For authors: an exercise's solution in a folder, as a participant would hand it in."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workshop.judge.server import ForkServer
from workshop.learn.answers import Question
from workshop.learn.checking import Check
from workshop.learn.exercise import ANSWERS, CODE, HIDDEN, Exercise, checks_of, questions_of
from workshop.learn.run import Outcome, run_checks, run_questions


def outcomes(
    exercise: Exercise,
    folder: Path,
    server: ForkServer,
    seed: int,
    checks: list[Check] | None = None,
) -> Iterator[Outcome]:
    """How an exercise's checks (or these) go on the code and the answers in ``folder``."""
    file = folder / CODE
    if file.is_file():
        checks = checks_of(exercise) if checks is None else checks
        yield from run_checks(exercise.name, checks, file, exercise.driver, server, seed)
    yield from run_questions(exercise.name, questions_of(exercise), folder / ANSWERS)


@contextmanager
def solved(
    exercise: Exercise, code: str | None = None, answers: dict[str, Any] | None = None
) -> Iterator[Path]:
    """A folder with the solution (or ``code``), and its answers as a participant writes them.

    ``answers`` replace the right ones of their names.
    """
    with tempfile.TemporaryDirectory(prefix="workshop-verify-") as place:
        folder = Path(place)
        for path in exercise.solution.iterdir():
            if path.is_file() and path.name not in (ANSWERS, HIDDEN):
                (folder / path.name).write_bytes(path.read_bytes())
        if code is not None:
            (folder / CODE).write_text(code, encoding="utf-8")
        written = {q.key: right_answer(q) for q in questions_of(exercise)} | (answers or {})
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in written.items()]
        (folder / ANSWERS).write_text("".join(lines), encoding="utf-8")
        yield folder


def right_answer(question: Question) -> float | str:
    """The expected value; where any of several will do, one of them."""
    expected = question.expected
    if expected.value is not None:
        return expected.value
    if expected.example is not None:
        return expected.example
    if expected.choices:
        return expected.choices[0]
    return sorted((expected.low, 1.0, expected.high))[1]
