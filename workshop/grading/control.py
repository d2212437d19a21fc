"""Our own solutions, graded beside the class, on the same inputs.

Inputs are drawn, and once in many draws a check may fail what is right; or this machine is too busy
for one that measures. Then everybody would lose the same points for nothing. So what our solution
does not pass here counts for nobody, and that is told.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from workshop.grading.attempt import Order, Ran
from workshop.grading.intake.submissions import Attempt
from workshop.grading.records import CheckGrade, Finding, Participant
from workshop.learn.exercise import CODE, exercises
from workshop.learn.verify import solved

FOLDER = "control"
WHO = "our own solution"
RUN = ("check", "hidden")  # kinds of checks that run code

Faulty = Mapping[tuple[str, str], str]  # kind and name of a check -> why our solution fails


def attempts(order: Order, numbers: Collection[int]) -> list[Attempt]:
    """Our solutions as somebody would hand them in, once for each number that the class has."""
    folder = order.work / FOLDER
    known = exercises(order.root, order.solutions)
    for name in order.exercises:
        if (known[name].solution / CODE).is_file():
            with solved(known[name]) as place:
                shutil.copytree(place, folder / name, dirs_exist_ok=True)
    who = Participant(WHO)
    return [
        Attempt(who, False, number, None, Path("solutions"), folder, "", [])
        for number in sorted(numbers)
    ]


def faulty(ran: Iterable[Ran] | None) -> dict[str, Faulty]:
    """The checks that our solution fails, by exercise; of one that has a solution.

    Args:
        ran: how it went; None where it could not be run: then nothing is known to be faulty, and
            the log of everything done says why.
    """
    return {
        one.exercise: {
            (check.kind, check.name): check.message
            for check in one.checks
            if check.kind in RUN and check.status != "passed"
        }
        for one in ran or ()
        if one.handed_in
    }


def without(ran: Ran, faults: Mapping[str, Faulty]) -> Ran:
    """How an exercise went, where faulty checks count for nothing."""
    found = faults.get(ran.exercise, {})
    checks = [
        discounted(check) if (check.kind, check.name) in found else check for check in ran.checks
    ]
    return msgspec.structs.replace(ran, checks=checks)


def discounted(check: CheckGrade) -> CheckGrade:
    why = "this does not count: on these inputs, it fails our own solution as well"
    return CheckGrade(check.kind, check.name, "skipped", 0, 0, why)


def remarks(faults: Mapping[int, Mapping[str, Faulty]]) -> Sequence[Finding]:
    """What the teacher is told, by attempts' numbers."""
    return [
        Finding(
            "doubt",
            name,
            f"{name}: the check {check!r} counts for no attempt {number}: "
            "on the same inputs, it fails our own solution as well",
            {"what it said": why},
        )
        for number, by_exercise in faults.items()
        for name, found in by_exercise.items()
        for (_, check), why in found.items()
    ]
