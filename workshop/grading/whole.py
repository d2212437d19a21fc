"""The whole: what was handed in -> what changed is run -> points -> the attempt that counts."""

from __future__ import annotations

import datetime
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from workshop.grading import control
from workshop.grading.attempt import Order
from workshop.grading.counting import attempts_of_each, count_all, points_to_be_had
from workshop.grading.intake.roster import Roster
from workshop.grading.intake.submissions import Gathered
from workshop.grading.logs import Again, nothing_again
from workshop.grading.plans import Runner, planned, run_plans
from workshop.grading.records import Class, Finding
from workshop.grading.rubric import Rubric

UNPACKED = "unpacked"


@dataclass(frozen=True)
class Outcome:
    """What grading came to.

    Attributes:
        cls: everybody.
        ran: attempts of which something had to be run; the others were as last time.
        lost: attempts that could not be graded, by whose and which they are, and why.
    """

    cls: Class
    ran: int
    lost: dict[str, str]


def grade_class(
    gathered: Gathered,
    roster: Roster,
    rubric: Rubric,
    order: Order,
    out: Path,
    run: Runner,
    step: Callable[[int, int], None] = lambda done, of: None,
    again: Again = nothing_again,
) -> Outcome:
    """Run what changed, and count: everybody's grades, from what the store then has.

    Args:
        run: runs jobs somewhere, and keeps what comes of them in the store.
        again: runs some of the logs' stages again, and says what came of it.
        step: told how many jobs are done, of how many.

    Raises:
        UsageError: a rubric that gives an exercise no points that it could have.
    """
    before = time.monotonic()
    plans = planned(gathered.attempts, order)
    done = run_plans(gathered, plans, order, out, run, step)
    final, log_remarks = count_all(plans, done.parts, rubric, order, again)
    cls = Class(
        rubric.title,
        roster.participants,
        {
            plans[i].attempt.participant.id: one
            for i, one in final.items()
            if plans[i].attempt.known
        },
        attempts=attempts_of_each(gathered),
        unknown=[one for i, one in final.items() if not plans[i].attempt.known],
        remarks=[
            *control.remarks(done.faults),
            *roster.remarks,
            *gathered.remarks,
            *log_remarks,
            *map(about_lost, done.lost.items()),
        ],
        exercises=points_to_be_had(list(final.values()), rubric),
        due=rubric.due.isoformat() if rubric.due else None,
        seconds=round(time.monotonic() - before, 1),
        deadlines={name: one.due.isoformat() for name, one in rubric.exercises.items() if one.due},
        thresholds=rubric.thresholds,
    )
    return Outcome(cls, done.jobs, done.lost)


def later(first: Outcome, second: Outcome) -> Outcome:
    """The second of two gradings in a row, with what was run and the time of both."""
    seconds = round((first.cls.seconds or 0) + (second.cls.seconds or 0), 1)
    cls = msgspec.structs.replace(second.cls, seconds=seconds)
    return Outcome(cls, first.ran + second.ran, second.lost)


def about_lost(lost: tuple[str, str]) -> Finding:
    which, why = lost
    sentence = f"{which} could not be graded: grade once more, what is done is kept"
    return Finding("doubt", "", sentence, {"why": why})


def fresh_folder(work: Path) -> Path:
    """Where submissions are unpacked, empty: they are brought there anew each time."""
    folder = work / UNPACKED
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    return folder


def zone_of(rubric: Rubric) -> datetime.tzinfo | None:
    """Of times that come without one: the due date's; None is this machine's."""
    return rubric.due.tzinfo if rubric.due else None
