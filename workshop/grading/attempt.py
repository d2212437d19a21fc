"""Run what one participant handed in: the checks of its exercises, and its predictions.

This is what takes time, and what a worker does; what comes of it is kept by digest (store.py).
Nothing here knows points' weights or what is late: another rubric runs nothing again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from workshop.grading import store
from workshop.grading.records import CheckGrade, Finding, Participant
from workshop.judge.isolation import Isolation
from workshop.judge.judge import MOST_BYTES_OF_FILE
from workshop.judge.server import ForkServer
from workshop.judge.unusual import unusual
from workshop.learn.answers import Question
from workshop.learn.checking import Check
from workshop.learn.exercise import (
    ANSWERS,
    CODE,
    Exercise,
    checks_of,
    exercises,
    hidden_checks_of,
    questions_of,
)
from workshop.learn.run import Outcome, run_checks, run_questions

HINT_LEVEL = 2  # of three: feedback helps on, and does not solve


@dataclass(frozen=True)
class Loaded:
    """An exercise with its checks, loaded once for all attempts that a worker grades."""

    exercise: Exercise
    checks: list[Check]
    hidden: list[Check]
    questions: list[Question]


@dataclass(frozen=True)
class Order:
    """What is the same for all attempts.

    Attributes:
        work: the store's folder.
        seed: the secret one.
        root, solutions: where the exercises are, if they are not those that come with us.
    """

    work: Path
    seed: int
    isolation: Isolation
    exercises: tuple[str, ...]
    root: Path | None = None
    solutions: Path | None = None


@dataclass(frozen=True)
class GradingJob:
    """What has to be run of one attempt.

    Attributes:
        folder: the attempt's, in the one layout.
        number: the attempt's: it decides on the inputs.
        exercises: name -> the digest to keep it under.
    """

    participant: Participant
    folder: Path
    number: int
    exercises: dict[str, str]


@dataclass(frozen=True)
class Done:
    """A job that is done, and the seconds that each exercise took; the rest is in the store."""

    seconds: dict[str, float]


class Ran(msgspec.Struct, frozen=True):
    """How one exercise of one attempt went."""

    exercise: str
    handed_in: bool
    checks: list[CheckGrade]
    seconds: float = 0.0
    findings: list[Finding] = []


def loaded(order: Order) -> dict[str, Loaded]:
    """The exercises of an order; raises ExerciseError."""
    known = exercises(order.root, order.solutions)
    return {name: load(known[name]) for name in order.exercises}


def load(exercise: Exercise) -> Loaded:
    return Loaded(exercise, checks_of(exercise), hidden_checks_of(exercise), questions_of(exercise))


def do(job: GradingJob, order: Order, tasks: Mapping[str, Loaded], server: ForkServer) -> Done:
    """Run what a job asks for, and keep each part as soon as it is there."""
    seconds = {}
    for name, digest in job.exercises.items():
        seed = store.derived(order.seed, name, job.number)
        ran = run_exercise(tasks[name], job.folder / name, server, seed)
        store.keep(order.work, digest, ran)
        seconds[name] = ran.seconds
    return Done(seconds)


def run_exercise(task: Loaded, folder: Path, server: ForkServer, seed: int) -> Ran:
    """All checks of one exercise on what lies in ``folder``, and its predictions."""
    name = task.exercise.name
    before = time.monotonic()
    if not has_files(folder):
        why = "nothing of this exercise was handed in"
        return Ran(name, False, [*not_run(task, why), *unanswered(task, why)])
    checks = [*code_grades(task, folder, server, seed), *answer_grades(task, folder)]
    return Ran(name, True, checks, round(time.monotonic() - before, 3), looked_at(folder))


def looked_at(folder: Path) -> list[Finding]:
    """What an exercise's code reaches for that no exercise asks for: for a teacher to read."""
    file = folder / CODE
    if not file.is_file() or file.stat().st_size > MOST_BYTES_OF_FILE:
        return []
    found = unusual(file.read_bytes())
    if not found:
        return []
    sentence = (
        f"{CODE} reaches for what no exercise asks for; results are verified outside of it, "
        "what is measured inside of its process could be forged by such means: read those lines"
    )
    lines = {one.what: f"line {one.line}" for one in found}
    return [Finding("doubt", f"{folder.name}/{CODE}", sentence, lines, private=True)]


def code_grades(task: Loaded, folder: Path, server: ForkServer, seed: int) -> Iterator[CheckGrade]:
    """The visible checks, then the hidden ones."""
    file = folder / CODE
    if not file.is_file():
        yield from not_run(task, why_no_code(folder))
        return
    if untouched(task.exercise, folder):
        yield from not_run(task, "this is as it was handed out", "failed")
        return
    checks = [*task.checks, *task.hidden]
    ran = run_checks(task.exercise.name, checks, file, task.exercise.driver, server, seed)
    for i, outcome in enumerate(ran):
        yield grade_of(outcome, "check" if i < len(task.checks) else "hidden")


def why_no_code(folder: Path) -> str:
    """Why an exercise's folder has no code that could be run, and what to hand in."""
    stem = CODE.removesuffix(".py")
    for name in (CODE, stem):
        if (folder / name).is_dir():
            return f"{name} is a folder, and one file is graded: hand in {CODE}"
    return f"there is no {CODE}"


def answer_grades(task: Loaded, folder: Path) -> Iterator[CheckGrade]:
    for question in task.questions:
        try:
            (outcome,) = run_questions(task.exercise.name, [question], folder / ANSWERS)
        except Exception as error:  # an answer of a form that nobody thought of
            points = question.expected.points
            why = f"this answer cannot be read ({type(error).__name__})"
            outcome = Outcome(
                task.exercise.name, f"answer: {question.key}", "failed", 0, points, why
            )
        yield grade_of(outcome, "answer")


def grade_of(outcome: Outcome, kind: str) -> CheckGrade:
    own = outcome.hints[min(HINT_LEVEL, len(outcome.hints)) - 1] if outcome.hints else None
    return CheckGrade(
        kind,  # type: ignore[arg-type]
        outcome.check,
        outcome.status,
        outcome.points,
        outcome.max_points,
        outcome.message,
        outcome.expected,
        outcome.actual,
        outcome.cause,
        own,
    )


def not_run(task: Loaded, why: str, status: str = "skipped") -> Iterator[CheckGrade]:
    """A grade for each check, none of which was run."""
    for kind, checks in (("check", task.checks), ("hidden", task.hidden)):
        for check in checks:
            yield CheckGrade(kind, check.name, status, 0, check.points, why)  # type: ignore[arg-type]


def unanswered(task: Loaded, why: str) -> Iterator[CheckGrade]:
    for question in task.questions:
        points = question.expected.points
        yield CheckGrade("answer", f"answer: {question.key}", "skipped", 0, points, why)


def has_files(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))


def untouched(exercise: Exercise, folder: Path) -> bool:
    """Whether every file of it is as it was handed out: nothing was done yet."""
    return all(
        path.read_bytes() == handed_out(exercise, path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
    )


def handed_out(exercise: Exercise, path: Path) -> bytes | None:
    """What a file was when participants got it; None for one that is their own."""
    if path not in exercise.handed_out:
        return None
    return (exercise.folder / path).read_bytes()


def digests(folder: Path, number: int, order: Order, code: Mapping[str, str]) -> dict[str, str]:
    """Under which digest each exercise of an attempt is kept, by its name.

    Args:
        code: digests of our exercises, by name.
    """
    return {
        name: store.digest_of(
            name,
            store.digest_of_files(folder / name),
            code[name],
            store.digest_of_package(),
            store.derived(order.seed, name, number),
            order.isolation,
        )
        for name in order.exercises
    }


def code_digests(order: Order) -> dict[str, str]:
    """Of each exercise's own files and its solution's: checks, drivers, expected answers."""
    known = exercises(order.root, order.solutions)
    return {
        name: store.digest_of(
            store.digest_of_files(known[name].folder), store.digest_of_files(known[name].solution)
        )
        for name in order.exercises
    }
