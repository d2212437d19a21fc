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
    days = math.ceil(minutes / MINUTES_OF_A_DAY)
    return min(late.most, days * late.per_day)
