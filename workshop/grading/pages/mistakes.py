"""What a class got wrong: the same wrong answer put together, and the checks that most failed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from workshop.grading.pages import text
from workshop.grading.pages.roll import exercises_of
from workshop.grading.records import CheckGrade, Class

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
SHOWN = 200  # characters of a wrong answer
EVERY = "every check"


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that several people gave.

    Attributes:
        answer: the cause where it is known; of a prediction what was answered; else the message.
    """

    exercise: str
    check: str
    kind: str
    answer: str
    people: int


@dataclass(frozen=True)
class Stumble:
    """A check, and how many did not pass it of those whom it was run on.

    Attributes:
        cause: the commonest one.
    """

    exercise: str
    check: str
    kind: str
    failed: int
    ran: int
    cause: str

    @property
    def share(self) -> float:
        return self.failed / self.ran


def mistakes(cls: Class) -> dict[str, list[Mistake]]:
    """By exercise, the commonest first."""
    found: dict[str, list[Mistake]] = {name: [] for name in exercises_of(cls)}
    grouped: dict[tuple[str, str, str, str], list[str]] = {}
    for exercise, check in ran(cls):
        if check.status == "failed":
            answer = answer_of(check)
            key = (exercise, check.name, check.kind, _NUMBER.sub("#", answer))
            key = key if check.kind != "answer" or check.cause else (*key[:3], answer)
            grouped.setdefault(key, []).append(answer)
    for (exercise, name, kind, _), answers in grouped.items():
        ((example, _),) = Counter(answers).most_common(1)
        mistake = Mistake(exercise, text.line(name), kind, example, len(answers))
        found.setdefault(exercise, []).append(mistake)
    return {name: sorted(made, key=lambda one: -one.people) for name, made in found.items()}


def stumbles(cls: Class) -> list[Stumble]:
    """Every check that somebody failed, that of the largest share first."""
    tried: Counter[tuple[str, str, str]] = Counter()
    causes: dict[tuple[str, str, str], Counter[str]] = {}
    for exercise, check in ran(cls):
        key = (exercise, check.name, check.kind)
        tried[key] += 1
        if check.status == "failed":
            causes.setdefault(key, Counter())[answer_of(check)] += 1
    came = handed_in(cls)
    found = []
    for (exercise, name, kind), of_it in causes.items():
        ((cause, _),) = of_it.most_common(1)
        people = came[exercise] if name == EVERY else tried[exercise, name, kind]
        found.append(Stumble(exercise, text.line(name), kind, of_it.total(), people, cause))
    return sorted(found, key=lambda one: (-one.share, -one.failed))


def handed_in(cls: Class) -> Counter[str]:
    """How many people of the roster handed something of each exercise in."""
    grades = (one for graded in cls.graded.values() for one in graded.exercises)
    return Counter(one.name for one in grades if one.handed_in)


def ran(cls: Class) -> Iterator[tuple[str, CheckGrade]]:
    """Every check that tells what somebody on the roster can or cannot do.

    Not those that were not run, nor predictions that were not made. Where all checks of the code
    failed for one reason (it cannot be imported; it is as it was handed out), they are one.
    """
    for graded in cls.graded.values():
        for exercise in graded.exercises:
            if exercise.handed_in:
                yield from ((exercise.name, check) for check in telling(exercise.checks))


def telling(checks: Iterable[CheckGrade]) -> list[CheckGrade]:
    run = [one for one in checks if one.status != "skipped"]
    code = [one for one in run if one.kind in ("check", "hidden")]
    others = [one for one in run if one not in code and not unanswered(one)]
    reasons = {one.message if one.status == "failed" else "" for one in code}
    if len(code) > 1 and len(reasons) == 1 and "" not in reasons:
        code = [replace(code[0], name=EVERY, kind="check", cause=None)]
    return [*code, *others]


def unanswered(check: CheckGrade) -> bool:
    return check.kind == "answer" and check.status == "failed" and check.actual is None


def answer_of(check: CheckGrade) -> str:
    """What was wrong, as it can be told of several people."""
    if check.cause:
        return text.line(check.cause, SHOWN)
    if check.kind == "answer" and check.actual:
        return text.line(f"answered {check.actual}", SHOWN)
    return text.line(check.message or check.actual or "no reason is known", SHOWN)


def most_common(made: Iterable[Mistake], most: int) -> tuple[list[Mistake], int]:
    """The ``most`` commonest that more than one person made, and how many others there are."""
    everything = list(made)
    shared = [one for one in everything if one.people > 1][:most]
    return shared, len(everything) - len(shared)
