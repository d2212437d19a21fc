"""An attempt as Gradescope's results.json.

https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format
"""

from __future__ import annotations

from typing import Literal

import msgspec

from workshop.grading.pages import text
from workshop.grading.pages.roll import minutes_late, score_of, total
from workshop.grading.records import CheckGrade, ExerciseGrade, Graded

Visibility = Literal["hidden", "after_due_date", "after_published", "visible"]


class Test(msgspec.Struct, frozen=True):
    """One of ``tests``; points are scaled so that they add up to the exercise's."""

    name: str
    number: str
    score: float
    max_score: float
    status: Literal["passed", "failed"]
    output: str
    tags: list[str]
    visibility: Visibility
    name_format: str = "text"
    output_format: str = "text"


class Results(msgspec.Struct, frozen=True):
    """The whole file. ``score`` is what counts, after what lateness cost."""

    score: float
    output: str
    tests: list[Test]
    extra_data: dict[str, str | int]
    output_format: str = "text"
    test_output_format: str = "text"
    test_name_format: str = "text"
    stdout_visibility: Visibility = "hidden"


def results_json(graded: Graded) -> bytes:
    """What a participant may see, as JSON: no finding; of hidden checks the name and the hint.

    Hidden checks are shown after the teacher has published the grades.
    """
    return msgspec.json.format(msgspec.json.encode(results(graded)), indent=2) + b"\n"


def results(graded: Graded) -> Results:
    tests = [
        _test(exercise, check, f"{place}.{number}")
        for place, exercise in enumerate(graded.exercises, 1)
        for number, check in enumerate(exercise.checks, 1)
    ]
    facts: dict[str, str | int] = {
        "attempt": graded.attempt,
        "handed_in": text.line(graded.handed_in or ""),
        "digest": text.line(graded.digest),
    }
    return Results(_rounded(total(graded)), _summary(graded), tests, facts)


def _test(exercise: ExerciseGrade, check: CheckGrade, number: str) -> Test:
    there = sum(one.max_points for one in exercise.checks)
    scale = exercise.max_points / there if there > 0 else 1.0
    return Test(
        name=text.line(f"{exercise.name}: {check.name}"),
        number=number,
        score=_rounded(scale * check.points),
        max_score=_rounded(scale * check.max_points),
        status="passed" if check.status == "passed" else "failed",
        output=_output(check),
        tags=[text.line(exercise.name), check.kind],
        visibility="after_published" if check.kind == "hidden" else "visible",
    )


def _output(check: CheckGrade) -> str:
    lines = ["Not run." if check.status == "skipped" else ""]
    if check.kind != "hidden":  # a message has inputs: "weight_bytes(6503000, 16) is off"
        lines += [
            text.lines(check.message),
            f"Expected: {text.lines(check.expected)}" if check.expected else "",
            f"Got: {text.lines(check.actual)}" if check.actual else "",
            f"Cause: {text.lines(check.cause)}" if check.cause else "",
        ]
    lines.append(f"Hint: {text.lines(check.hint)}" if check.hint else "")
    return "\n".join(line for line in lines if line)


def _summary(graded: Graded) -> str:
    lines = [
        f"{text.line(one.name)}: {text.points(score_of(one))} of {text.points(one.max_points)}"
        + (f", after {text.points(one.penalty)} for lateness" if one.penalty else "")
        + ("" if one.handed_in else ", nothing handed in")
        for one in graded.exercises
    ]
    if minutes := minutes_late(graded):
        lines.append(f"{text.span(minutes)} late.")
    return "\n".join(lines)


def _rounded(value: float) -> float:
    return round(value, 4)
