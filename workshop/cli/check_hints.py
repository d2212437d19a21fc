"""What ``workshop check`` shows to help: hints by level, and what to do about what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workshop.learn.exercise import Exercise
    from workshop.learn.run import Outcome

NO_HINTS = "predictions have no hints: the README.md beside answers.toml explains what they take"


def hints_on(outcome: Outcome, level: int, shown: set[str]) -> list[str]:
    """What helps with a check; with a prediction, only what was not ``shown`` with an earlier one.

    Args:
        level: of the hint that was asked for; 0 for none.
    """
    hints = outcome.hints_at(level)
    if is_prediction(outcome):
        hints = [one for one in hints if one not in shown]
        shown.update(hints)
    return hints


def is_prediction(outcome: Outcome) -> bool:
    from workshop.learn.answers import PREFIX

    return outcome.check.startswith(PREFIX)


def what_helps(exercise: Exercise, outcomes: list[Outcome], seed: int) -> str:
    """What to do about what did not pass."""
    first = next((outcome for outcome in outcomes if outcome.status == "failed"), None)
    if first is None or first.hints:
        helps = f"'workshop check {exercise.name} --hint' helps with the first that fails"
    else:
        helps = f"{exercise.name}/README.md says how to work the predictions out"
    drawn = any(not is_prediction(outcome) for outcome in outcomes)
    return f"{helps}; --seed {seed} draws the same inputs again." if drawn else f"{helps}."
