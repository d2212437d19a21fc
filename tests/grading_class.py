"""A graded class for tests: nobody in it was ever graded, every number is given."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from workshop.grading.records import (
    CheckGrade,
    Class,
    ExerciseGrade,
    Finding,
    Graded,
    Participant,
)

HOSTILE = (
    "</style></script><script>alert(1)</script><img src=x onerror=alert(2)> \"'& {{ 7*7 }} "
    "[go](http://evil.example) `code` | # *bold* \x1b[31mred\x1b]0;title\x07 \u202etxt.exe \x00"
)


def person(number: int, **fields: Any) -> Participant:
    plain = Participant(f"s{number:04}", f"Ada Number{number}", f"s{number:04}@example.org")
    return replace(plain, **fields)


def check(name: str = "it runs", points: float = 2, most: float = 2, **fields: Any) -> CheckGrade:
    """A check; failed where it has no points, else passed."""
    plain = CheckGrade("check", name, "passed" if points else "failed", points, most)
    return replace(plain, **fields)


def exercise(name: str, *checks: CheckGrade, **fields: Any) -> ExerciseGrade:
    """An exercise with the points of its checks."""
    points, most = sum(one.points for one in checks), sum(one.max_points for one in checks)
    return replace(ExerciseGrade(name, True, points, most, list(checks)), **fields)


def left_out(name: str, most: float) -> ExerciseGrade:
    """An exercise of which nothing was handed in."""
    why = "nothing of this exercise was handed in"
    skipped = CheckGrade("check", "it runs", "skipped", 0, most, why)
    return ExerciseGrade(name, False, 0, most, [skipped])


def graded(one: Participant, *exercises: ExerciseGrade, **fields: Any) -> Graded:
    plain = Graded(
        one,
        attempt=1,
        handed_in="2026-11-20T23:58:00+01:00",
        source=f"submissions/{one.id}.zip",
        digest="0" * 64,
        isolation="bubblewrap",
        exercises=list(exercises),
    )
    return replace(plain, **fields)


def class_of(*people: Graded, absent: tuple[Participant, ...] = (), **fields: Any) -> Class:
    """Those who handed in, in this order, and then those who did not."""
    plain = Class(
        "Inference",
        [*(one.participant for one in people), *absent],
        {one.participant.id: one for one in people},
        attempts={one.participant.id: 1 for one in people},
    )
    return replace(plain, **fields)


def small_class() -> Class:
    """Six people of whom one is missing, one late and one left an exercise out."""
    wrong = check("one scale a row", 0, cause="the scale is of a column", expected="4", actual="8")
    open_ = check("it runs", 1, 2, status="failed", message="too slow", hint="measure it first")
    quantize = [exercise("quantize", check(), one) for one in (check("one scale a row"), wrong)]
    people = [
        graded(person(1), exercise("compile", check()), quantize[0]),
        graded(
            person(2),
            exercise("compile", open_, minutes_late=130.0, penalty=0.25),
            replace(quantize[1], minutes_late=130.0),
        ),
        graded(person(3), exercise("compile", check()), quantize[1]),
        graded(person(4), exercise("compile", check()), left_out("quantize", 4)),
        graded(person(5), exercise("compile", check(points=0)), quantize[0]),
    ]
    unknown = graded(Participant("tmp-x"), exercise("compile", check()), quantize[0])
    remark = Finding("doubt", "roster.csv", "line 9 names nobody")
    return class_of(
        *people,
        absent=(person(6),),
        unknown=[unknown],
        remarks=[remark],
        exercises={"compile": 2.0, "quantize": 4.0},
        due="2026-11-21T00:00:00+01:00",
        seconds=192.0,
    )
