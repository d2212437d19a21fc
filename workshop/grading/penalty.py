"""What lateness costs."""

from __future__ import annotations

import datetime
import math

from workshop.grading.rubric import Late

MINUTES_OF_A_DAY = 24 * 60


def minutes_late(
    handed_in: datetime.datetime | None, due: datetime.datetime | None, late: Late
) -> float:
    """How long after ``due`` it came; 0 within the grace, or where nobody knows when it came."""
    if handed_in is None or due is None:
        return 0.0
    minutes = (handed_in - due).total_seconds() / 60
    return minutes if minutes > late.grace_minutes else 0.0


def share_lost(minutes: float, late: Late) -> float:
    """The share of the points reached that so many minutes cost: each day begun costs the same."""
    return min(late.most, days_begun(minutes) * late.per_day)


def days_begun(minutes: float) -> int:
    return math.ceil(minutes / MINUTES_OF_A_DAY)


def rule_in_words(minutes: float, late: Late) -> str:
    """How ``share_lost`` comes about: '2 days begun × 10 %'; '' where nothing is lost."""
    days = days_begun(minutes)
    if not days or not share_lost(minutes, late):
        return ""
    rule = f"{days} {'day' if days == 1 else 'days'} begun × {100 * late.per_day:g} %"
    capped = days * late.per_day > late.most
    return f"{rule}, at most {100 * late.most:g} %" if capped else rule
