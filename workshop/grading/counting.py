"""From how checks went and what logs show to grades, and which attempt of a person counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from workshop.grading import logs, store
from workshop.grading.attempt import Order, Ran
from workshop.grading.intake.submissions import Attempt, Gathered
from workshop.grading.logs import Again, Shown
from workshop.grading.performance import grade_logs, speeds_of
from workshop.grading.plans import Planned
from workshop.grading.points import exercise_grade
from workshop.grading.records import ExerciseGrade, Finding, Graded
from workshop.grading.rubric import Rubric


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
