"""Who and what is in a class: the exercises, who is missing, who came late."""

from __future__ import annotations

from dataclasses import dataclass

from workshop.grading.records import Class, ExerciseGrade, Graded, Participant


@dataclass(frozen=True)
class Late:
    """One who came late, by how much at most, and what it cost."""

    participant: Participant
    minutes: float
    penalty: float


def exercises_of(cls: Class) -> dict[str, float]:
    """The points to be had by exercise, in their order; empty where nobody handed in."""
    if cls.exercises:
        return cls.exercises
    everybody = [*cls.graded.values(), *cls.unknown]
    return {one.name: one.max_points for graded in everybody for one in graded.exercises}


def exercise_of(graded: Graded | None, name: str) -> ExerciseGrade | None:
    """What a person has of an exercise; None where nothing of it was graded."""
    if graded is None:
        return None
    return next((one for one in graded.exercises if one.name == name), None)


def in_order(cls: Class) -> list[tuple[Participant, Graded | None]]:
    """Everybody of the roster, with what is graded of them."""
    return [(one, cls.graded.get(one.id)) for one in cls.roster]


def missing(cls: Class) -> list[Participant]:
    """Those of whom nothing came."""
    return [one for one in cls.roster if one.id not in cls.graded and not came(one, cls)]


def not_graded(cls: Class) -> list[Participant]:
    """Those of whom something came that could not be graded."""
    return [one for one in cls.roster if one.id not in cls.graded and came(one, cls)]


def came(one: Participant, cls: Class) -> bool:
    return one.id in cls.graded or cls.attempts.get(one.id, 0) > 0


def late(cls: Class) -> list[Late]:
    """The latest first."""
    found = [
        Late(one, minutes_late(graded), sum(exercise.penalty for exercise in graded.exercises))
        for one, graded in in_order(cls)
        if graded is not None and minutes_late(graded) > 0
    ]
    return sorted(found, key=lambda one: -one.minutes)


def minutes_late(graded: Graded) -> float:
    return max((exercise.minutes_late for exercise in graded.exercises), default=0.0)


def score_of(exercise: ExerciseGrade) -> float:
    """The points that count; lateness never costs more than there was."""
    return max(0.0, exercise.score)


def total(graded: Graded) -> float:
    return sum(score_of(exercise) for exercise in graded.exercises)


def mark(graded: Graded, cls: Class) -> str:
    """The best mark that the points suffice for; '' below all of them, or where there are none."""
    most = sum(exercises_of(cls).values())
    share = total(graded) / most if most > 0 else 0.0
    reached = [(needed, name) for name, needed in cls.thresholds.items() if share >= needed - 1e-9]
    return max(reached)[1] if reached else ""
