"""Run an exercise's checks on a file: one outcome a check, whatever the file does.

An endless loop would cost a check's whole time limit in every check that meets it. So once a check
has run into its limit, those after it have a fifth of the usual one, still many times what they
take; those that their author gave more time keep it. After three such checks the rest is skipped,
and says so.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from workshop.judge.isolation import IsolationError
from workshop.judge.judge import NO_SERVER, FaultError, RunEndedError, printable, student
from workshop.judge.server import ForkServer, ServerError
from workshop.learn.answers import PREFIX, AnswersError, Judged, Question, judge, read_lines
from workshop.learn.causes import fault_cause
from workshop.learn.checking import USUAL, Check, Draw, Work, Wrong

Status = Literal["passed", "failed", "skipped"]
MOST_OVERTIME = 3  # checks that may run into their time limit before the rest is skipped
GIVEN_UP = "not run: three checks of it ran into their time limits"
HURRY = 5  # a check's seconds are divided by it once one has


@dataclass(frozen=True)
class Outcome:
    """How one check went.

    Attributes:
        message: what is wrong, in words of the subject; empty where nothing is.
        hints: three, for a check that failed.
        cause: the cause, where the difference betrays it.
        output: the last of what the file printed, where it ended early.
    """

    exercise: str
    check: str
    status: Status
    points: float
    max_points: int
    message: str = ""
    expected: str | None = None
    actual: str | None = None
    cause: str | None = None
    hints: tuple[str, ...] = ()
    output: str = ""

    def hints_at(self, level: int) -> list[str]:
        """The cause, where it is known, and the hint of a level of 1 to 3 (0: the cause alone)."""
        if self.status == "passed":
            return []
        own = self.hints[min(level, len(self.hints)) - 1] if level and self.hints else None
        return [text for text in (self.cause, own) if text]

    def hint(self, level: int) -> str | None:
        """The same as text, a line each; None where there is none."""
        return "\n".join(self.hints_at(level)) or None


def run_checks(
    exercise: str,
    checks: list[Check],
    file: Path,
    driver: Path | None,
    server: ForkServer,
    seed: int,
) -> Iterator[Outcome]:
    """Outcomes as they come, each check in a fresh process."""
    done: dict[str, Outcome] = {}
    overtime = 0
    for check in checks:
        lacking = [name for name in check.needs if done[name].status != "passed"]
        if lacking or overtime == MOST_OVERTIME:
            why = f"needs {lacking[0]!r} first" if lacking else GIVEN_UP
            outcome = Outcome(exercise, check.name, "skipped", 0, check.points, why)
        else:
            limited = hurried(check) if overtime else check
            before = time.monotonic()
            outcome = run_check(exercise, limited, file, driver, server, seed)
            if outcome.status == "failed" and time.monotonic() - before >= limited.limits.seconds:
                overtime += 1
        done[check.name] = outcome
        yield outcome


def hurried(check: Check) -> Check:
    """The check with less time, unless it is known to need more than the usual."""
    if check.limits.seconds > USUAL.seconds:
        return check
    limits = dataclasses.replace(check.limits, seconds=check.limits.seconds / HURRY)
    return dataclasses.replace(check, limits=limits)


def run_check(
    exercise: str, check: Check, file: Path, driver: Path | None, server: ForkServer, seed: int
) -> Outcome:
    """Run one check on a file, in a fresh process.

    Raises:
        ServerError, IsolationError: nothing can be run here; that says nothing about the file.
    """

    def failed(
        message: str, wrong: Wrong | None = None, output: str = "", cause: str | None = None
    ) -> Outcome:
        return Outcome(
            exercise,
            check.name,
            "failed",
            0,
            check.points,
            printable(message),
            wrong.expected if wrong else None,
            printable(wrong.actual) if wrong and wrong.actual is not None else None,
            wrong.hint if wrong else cause,
            check.hints,
            output,
        )

    run = None
    try:
        with one_thread(), student(server, file, driver, check.limits, check.imports) as run:
            check.run(Work(run, file.parent, Draw.of(seed, check.name)))
    except Wrong as wrong:
        if run is not None and run.ended == NO_SERVER:
            return failed(run.why())
        return failed(wrong.message, wrong)
    except (FaultError, RunEndedError) as error:
        return failed(str(error), None, run.output if run else "", fault_cause(str(error)))
    except (ServerError, IsolationError):
        raise
    except Exception as error:  # what came back has a form that the check never thought of
        return failed(f"what it returns is not of the form asked for ({type(error).__name__})")
    return Outcome(exercise, check.name, "passed", check.points, check.points)


@contextmanager
def one_thread() -> Iterator[None]:
    """What a check works out is small: a second thread of torch would only wait for a processor."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_questions(exercise: str, questions: list[Question], file: Path) -> Iterator[Outcome]:
    """Outcomes of a participant's predictions."""
    if not questions:
        return
    try:
        answers = read_lines(file)
        unreadable = ""
    except AnswersError as error:
        answers, unreadable = {}, str(error)
    for question in questions:
        points = question.expected.points
        judged = (
            Judged(0, unreadable, None, None, None)
            if unreadable
            else judge(question, answers.get(question.key))
        )
        yield Outcome(
            exercise,
            f"{PREFIX}{question.key}",
            "passed" if judged.share == 1 else "failed",
            judged.share * points,
            points,
            printable(judged.message) if judged.share < 1 else "",
            judged.expected,
            judged.actual,
            judged.hint,
        )
