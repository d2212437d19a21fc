"""From how the checks of an exercise went to its points: shares, weight, lateness. No code is run.

Points are rounded to hundredths, each exercise by itself, so that whoever adds them up by hand
comes to the same sum.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from workshop.grading.penalty import minutes_late, rule_in_words, share_lost
from workshop.grading.records import CheckGrade, ExerciseGrade
from workshop.grading.rubric import Rubric, Shares
from workshop.util.errors import UsageError

PARTS = {"check": "checks", "hidden": "hidden", "answer": "answers", "log": "logs"}
DIGITS = 2


def exercise_grade(
    name: str,
    handed_in: bool,
    checks: list[CheckGrade],
    rubric: Rubric,
    when: datetime.datetime | None,
) -> ExerciseGrade:
    """The points of one exercise, by the rubric.

    Args:
        when: it was handed in; None where nobody knows.

    Raises:
        UsageError: the rubric gives all shares to parts that the exercise does not have.
    """
    share, own = share_reached(name, checks, rubric.shares_of(name))
    worth = rubric.exercises[name]
    most = worth.points if worth.points is not None else own * (worth.weight or 1.0)
    late = minutes_late(when, rubric.due_of(name), rubric.late) if handed_in else 0.0
    points = round(share * most, DIGITS)
    return ExerciseGrade(
        name,
        handed_in,
        points,
        round(most, DIGITS),
        checks,
        minutes_late=round(late, 1),
        penalty=round(points * share_lost(late, rubric.late), DIGITS),
        penalty_rule=rule_in_words(late, rubric.late),
    )


def share_reached(
    name: str, checks: Sequence[CheckGrade], shares: Shares | None
) -> tuple[float, float]:
    """The share of an exercise's points that was reached, and the points that it has of its own."""
    own = sum(check.max_points for check in checks)
    if not own:
        return 0.0, 0.0
    if shares is None:
        return sum(check.points for check in checks) / own, own
    reached = total = 0.0
    for kind, part in PARTS.items():
        of_it = [check for check in checks if check.kind == kind]
        most = sum(check.max_points for check in of_it)
        if most:
            worth = getattr(shares, part)
            reached += worth * sum(check.points for check in of_it) / most
            total += worth
    if not total:
        has = sorted({PARTS[check.kind] for check in checks if check.max_points})
        raise UsageError(
            f"the rubric's shares give nothing to what {name} has ({', '.join(has)}): "
            f"give it shares of its own, in [exercises.{name}.shares]"
        )
    return reached / total, own
