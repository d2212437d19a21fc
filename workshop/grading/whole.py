"""The whole: what was handed in -> what changed is run -> points -> the attempt that counts."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from workshop.grading import control, logs, store
from workshop.grading.attempt import GradingJob, Order, Ran, code_digests, digests
from workshop.grading.intake.roster import Roster
from workshop.grading.intake.submissions import Attempt, Gathered
from workshop.grading.logs import Again, Shown, nothing_again
from workshop.grading.performance import grade_logs, speeds_of
from workshop.grading.points import exercise_grade
from workshop.grading.records import Class, ExerciseGrade, Finding, Graded
from workshop.grading.rubric import Rubric
from workshop.grading.schedule import Lost, Results

UNPACKED = "unpacked"
Runner = Callable[[Sequence[GradingJob], Order], Results]


@dataclass(frozen=True)
class Planned:
    """An attempt, and under which digest each of its exercises is kept, or will be."""

    attempt: Attempt
    exercises: dict[str, str]


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


@dataclass(frozen=True)
class PlansRun:
    """What running the plans came to.

    Attributes:
        jobs: how many were run now; the rest was in the store.
        parts: by the plan's index, what ran of it, without what our own solutions fail.
        faults: by attempt number, the checks that our own solutions fail.
        lost: by attempt, why nothing came of it.
    """

    jobs: int
    parts: dict[int, list[Ran]]
    faults: dict[int, dict[str, control.Faulty]]
    lost: dict[str, str]


def run_plans(
    gathered: Gathered,
    plans: Sequence[Planned],
    order: Order,
    out: Path,
    run: Runner,
    step: Callable[[int, int], None],
) -> PlansRun:
    """Run what the store lacks of these plans, and our own solutions beside them."""
    ours = planned(control.attempts(order, {one.number for one in gathered.attempts}), order)
    jobs = to_run(plans, order.work)
    why = run_all([*to_run(ours, order.work), *jobs], order, out, run, step)
    faults = {plan.attempt.number: control.faulty(parts_of(plan, order.work)) for plan in ours}
    parts = {
        i: [control.without(one, faults[plan.attempt.number]) for one in found]
        for i, plan in enumerate(plans)
        if (found := parts_of(plan, order.work))
    }
    lost = {
        named(plan.attempt): why.get(plan.attempt.folder, "what it came to was not kept")
        for i, plan in enumerate(plans)
        if i not in parts
    }
    return PlansRun(len(jobs), parts, faults, lost)


def count_all(
    plans: Sequence[Planned],
    parts: dict[int, list[Ran]],
    rubric: Rubric,
    order: Order,
    again: Again,
) -> tuple[dict[int, Graded], list[Finding]]:
    """The grades of the attempts that count, by the plan's index; and remarks on their logs.

    Only the logs of attempts that count are compared with each other.
    """
    whose = {i: plans[i].attempt.participant for i in parts}
    shown, remarks = logs.read_all({i: (plans[i].attempt.folder, whose[i]) for i in parts})

    def counted(i: int, seen: Shown) -> Graded:
        return grade_of(plans[i], parts[i], seen, rubric, order)

    chosen = that_count([(i, counted(i, shown[i])) for i in parts], plans, rubric.attempt)
    beside = logs.beside_each_other(
        {i: shown[i] for i in chosen}, {i: whose[i] for i in chosen}, again
    )
    return {i: counted(i, beside[i]) for i in chosen}, remarks


def later(first: Outcome, second: Outcome) -> Outcome:
    """The second of two gradings in a row, with what was run and the time of both."""
    seconds = round((first.cls.seconds or 0) + (second.cls.seconds or 0), 1)
    cls = msgspec.structs.replace(second.cls, seconds=seconds)
    return Outcome(cls, first.ran + second.ran, second.lost)


def planned(attempts: Sequence[Attempt], order: Order) -> list[Planned]:
    """Where everything that was handed in stands in the store."""
    code = code_digests(order)
    return [
        Planned(attempt, digests(attempt.folder, attempt.number, order, code))
        for attempt in attempts
    ]


def to_run(plans: Sequence[Planned], work: Path) -> list[GradingJob]:
    """What is not in the store yet; what several handed in alike is run once."""
    jobs = []
    seen: set[str] = set()
    for plan in plans:
        left = {
            name: digest
            for name, digest in plan.exercises.items()
            if digest not in seen and store.stored(work, digest, Ran) is None
        }
        seen |= set(left.values())
        if left:
            attempt = plan.attempt
            jobs.append(GradingJob(attempt.participant, attempt.folder, attempt.number, left))
    return jobs


def run_all(
    jobs: Sequence[GradingJob],
    order: Order,
    out: Path,
    run: Runner,
    step: Callable[[int, int], None],
) -> dict[Path, str]:
    """Run jobs, each noted in the log; returns why, by folder, of those that came to nothing."""
    store.note(out, "begun", jobs=len(jobs), isolation=order.isolation, exercises=order.exercises)
    step(0, len(jobs))
    why: dict[Path, str] = {}
    if not jobs:
        return why
    with contextlib.closing(run(jobs, order)) as results:  # interrupted, workers end at once
        for count, (job, became) in enumerate(results, 1):
            about = {"who": job.participant.id, "attempt": job.number, "isolation": order.isolation}
            if isinstance(became, Lost):
                why[job.folder] = became.why
                store.note(out, "lost", **about, why=became.why)
            else:
                store.note(out, "graded", **about, seconds=became.seconds)
            step(count, len(jobs))
    return why


def parts_of(plan: Planned, work: Path) -> list[Ran] | None:
    """What the store has of an attempt; None where an exercise is missing."""
    parts = [store.stored(work, digest, Ran) for digest in plan.exercises.values()]
    whole = [one for one in parts if one is not None]
    return whole if len(whole) == len(parts) else None


def grade_of(
    plan: Planned, parts: Sequence[Ran], seen: Shown, rubric: Rubric, order: Order
) -> Graded:
    """The points of an attempt, from how its checks went and what its logs show."""
    attempt = plan.attempt
    of_logs = list(
        zip(rubric.logs.wanted, grade_logs(seen.logs, rubric.logs, seen.findings), strict=True)
    )
    exercises = [
        exercise_grade(
            one.exercise,
            one.handed_in,
            [*one.checks, *(grade for log, grade in of_logs if log.exercise == one.exercise)],
            rubric,
            attempt.handed_in,
        )
        for one in parts
    ]
    return Graded(
        attempt.participant,
        attempt.number,
        attempt.handed_in.isoformat() if attempt.handed_in else None,
        str(attempt.source),
        store.digest_of(sorted(plan.exercises.items()), attempt.digest, store.as_json(rubric)),
        order.isolation,
        exercises,
        remarks=[
            *attempt.remarks,
            *about_time(attempt, exercises, rubric),
            *(finding for one in parts for finding in one.findings),
        ],
        speeds=speeds_of(seen.logs, seen.findings),
        evidence=seen.findings,
    )


def about_time(
    attempt: Attempt, exercises: Sequence[ExerciseGrade], rubric: Rubric
) -> Iterator[Finding]:
    """What a due date means for an attempt that came late, or nobody knows when."""
    due = rubric.due or next((one.due for one in rubric.exercises.values() if one.due), None)
    if due and attempt.handed_in is None:
        sentence = "nothing tells when it was handed in: it counts as in time"
        yield Finding("doubt", "", sentence, {"due": due.isoformat()})
    late = [one for one in exercises if one.minutes_late]
    if late and attempt.handed_in is not None:
        most = in_days(max(one.minutes_late for one in late))
        yield Finding(
            "note",
            "",
            f"it came {most} late, which costs {sum(one.penalty for one in late):g} points",
            {
                "handed in": attempt.handed_in.isoformat(),
                "late": ", ".join(one.name for one in late),
            },
        )


def in_days(minutes: float) -> str:
    """A time for people: 35 minutes, 5 hours, 2.3 days."""
    if minutes < 120:
        return f"{minutes:.0f} minutes"
    return f"{minutes / 60:.0f} hours" if minutes < 48 * 60 else f"{minutes / 1440:.1f} days"


def that_count(
    attempts: Sequence[tuple[int, Graded]], plans: Sequence[Planned], policy: str
) -> list[int]:
    """Which attempts count, by number: one of everybody on the roster, and all of unknown people.

    Args:
        policy: ``best`` takes the later of two that are as good.
    """
    best: dict[str, tuple[int, Graded]] = {}
    unknown = []
    for i, one in attempts:
        if not plans[i].attempt.known:
            unknown.append(i)
            continue
        before = best.setdefault(one.participant.id, (i, one))[1]
        by_score = policy == "best" and one.score != before.score
        better = one.score > before.score if by_score else one.attempt > before.attempt
        if better:
            best[one.participant.id] = (i, one)
    return [*(i for i, _ in best.values()), *unknown]


def attempts_of_each(gathered: Gathered) -> dict[str, int]:
    """How many attempts each participant of the roster has handed in."""
    return dict(Counter(one.participant.id for one in gathered.attempts if one.known))


def points_to_be_had(graded: Sequence[Graded], rubric: Rubric) -> dict[str, float]:
    """By exercise, in the rubric's order; nothing where nobody handed in anything."""
    most = {one.name: one.max_points for some in graded for one in some.exercises}
    return {name: most[name] for name in rubric.exercises if name in most}


def named(attempt: Attempt) -> str:
    return f"{attempt.participant.id}, attempt {attempt.number} ({attempt.source})"


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
