"""What a participant has reached, and the hints they used: kept in their working copy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from workshop.learn.workspace import KEPT, save_json

if TYPE_CHECKING:  # it needs torch
    from workshop.learn.run import Outcome

PROGRESS = "progress.json"
MOST_HINTS = 3


class Standing(msgspec.Struct):
    """Where one exercise stands.

    Attributes:
        points: the most that were reached at once, of ``max_points``.
        passed: checks passed the last time, of ``checks``.
        hints: levels of hints that were asked for, by check.
    """

    points: float = 0
    max_points: int = 0
    passed: int = 0
    checks: int = 0
    hints: dict[str, int] = {}

    @property
    def done(self) -> bool:
        return self.checks > 0 and self.passed == self.checks


def read(root: Path | None) -> dict[str, Standing]:
    """Standings by exercise; what cannot be read counts as nothing reached yet."""
    if root is None:
        return {}
    try:
        return msgspec.json.decode((root / KEPT / PROGRESS).read_bytes(), type=dict[str, Standing])
    except (OSError, msgspec.DecodeError):
        return {}


def note(
    root: Path | None, exercise: str, outcomes: Sequence[Outcome], hint_for: str | None
) -> Standing:
    """Write down how a check of an exercise went, and the hint that was asked for with it."""
    standings = read(root)
    standing = standings.setdefault(exercise, Standing())
    standing.points = max(standing.points, sum(o.points for o in outcomes))
    standing.max_points = sum(o.max_points for o in outcomes)
    standing.passed = sum(o.status == "passed" for o in outcomes)
    standing.checks = len(outcomes)
    if hint_for is not None:
        level = standing.hints.get(hint_for, 0) + 1
        standing.hints = {**standing.hints, hint_for: min(level, MOST_HINTS)}
    if root is not None:
        save_json(root / KEPT / PROGRESS, standings)
    return standing
