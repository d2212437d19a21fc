"""The page that a participant gets: HTML and Markdown.

It shows what passed and what did not, with what was expected, and the own place in a class without
names. What it keeps back: findings that are for the teacher, values of hidden checks, and anybody
else; docs/gradebook.md says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from workshop.grading.intake.handed_in import TIME
from workshop.grading.pages import text
from workshop.grading.pages.distribution import FEWEST, Distribution, points, speeds
from workshop.grading.pages.drawing import histogram, points_in_words, speeds_in_words, strips
from workshop.grading.pages.page import html, markdown
from workshop.grading.pages.roll import came, exercises_of, minutes_late, score_of, total
from workshop.grading.pages.roll import mark as best_mark
from workshop.grading.records import CheckGrade as Check
from workshop.grading.records import Class, ExerciseGrade, Graded, Participant

KINDS = {"check": "check", "hidden": "hidden check", "answer": "prediction", "log": "log"}
MOST_REMARKS = 40


@dataclass(frozen=True)
class Setting:
    """What is the same on all pages of a class.

    Attributes:
        names: ids, names, addresses and accounts of everybody: nobody's but the own is shown.
    """

    cls: Class
    points: dict[str, Distribution]
    speeds: dict[str, Distribution]
    exercises: dict[str, float]

    @cached_property
    def names(self) -> re.Pattern[str] | None:
        words = {word for one in everybody(self.cls) for word in words_of(one)}
        if not words:
            return None
        longest_first = sorted(map(re.escape, words), key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """How one check went.

    Attributes:
        mark: passed, failed, partly, not run, or (of a log) not counted.
        open: whether it is one to look at: not passed.
    """

    name: str
    kind: str
    mark: str
    points: str
    most: str
    message: str
    expected: str
    actual: str
    cause: str
    hint: str

    @property
    def open(self) -> bool:
        return self.mark != "passed"


@dataclass(frozen=True)
class Figure:
    """A drawing, and what it shows in words."""

    title: str
    drawing: Markup
    words: str


@dataclass(frozen=True)
class Chapter:
    """One exercise.

    Attributes:
        penalty: what lateness cost, in a sentence; '' where nothing.
        weight: how the checks' points become the exercise's, where they are not the same.
    """

    name: str
    handed_in: bool
    score: str
    most: str
    penalty: str
    weight: str
    passed: list[Line]
    open: list[Line]
    figure: Figure | None


@dataclass(frozen=True)
class Feedback:
    """Everything on one page.

    Attributes:
        came: whether anything did; ``graded``, whether it could be.
        facts: names and values above all else.
    """

    title: str
    name: str
    came: bool
    graded: bool
    score: str
    most: str
    facts: list[tuple[str, str]]
    remarks: list[str]
    chapters: list[Chapter]
    speeds: Figure | None
    fewest: int = FEWEST


def setting(cls: Class) -> Setting:
    return Setting(cls, points(cls), speeds(cls), exercises_of(cls))


def feedback_html(feedback: Feedback) -> str:
    return html("feedback.html.j2", view=feedback)


def feedback_markdown(feedback: Feedback) -> str:
    return markdown("feedback.md.j2", view=feedback)


def feedback(one: Participant, graded: Graded | None, class_: Setting) -> Feedback:
    """What a participant is told; ``graded`` is None for somebody of whom nothing came."""
    most = sum(class_.exercises.values())
    return Feedback(
        title=text.line(class_.cls.title),
        name=text.called(one),
        came=came(one, class_.cls),
        graded=graded is not None,
        score=text.points(total(graded)) if graded else "0",
        most=text.points(most),
        facts=[fact for fact in facts(one, graded, class_.cls) if fact[1]],
        remarks=remarks(one, graded, class_) if graded else [],
        chapters=[chapter(grade, class_) for grade in graded.exercises] if graded else [],
        speeds=speed_figure(graded, class_) if graded else None,
    )


def facts(one: Participant, graded: Graded | None, cls: Class) -> list[tuple[str, str]]:
    known = [("Id", text.line(one.id, text.NAME))]
    if graded is None:
        return known
    late = minutes_late(graded)
    attempts = cls.attempts.get(one.id, 1)
    return [
        *known,
        ("Mark", text.line(best_mark(graded, cls))),
        ("Handed in", text.moment(graded.handed_in)),
        ("Late by", text.span(late) if late else ""),
        ("Graded", f"attempt {graded.attempt} of {attempts}" if attempts > 1 else ""),
        ("From", text.line(graded.source.replace("\\", "/").rpartition("/")[2])),
    ]


def chapter(grade: ExerciseGrade, class_: Setting) -> Chapter:
    lines = [line(check) for check in grade.checks] if grade.handed_in else []
    there = sum(check.max_points for check in grade.checks)
    scaled = there > 0 and abs(there - grade.max_points) > 1e-6
    return Chapter(
        name=text.line(grade.name),
        handed_in=grade.handed_in,
        score=text.points(score_of(grade)),
        most=text.points(grade.max_points),
        penalty=penalty(grade),
        weight=(
            f"Its checks have {text.points(there)} points together; the exercise counts "
            f"{text.points(grade.max_points)}."
            if scaled
            else ""
        ),
        passed=[one for one in lines if not one.open],
        open=[one for one in lines if one.open],
        figure=own_points(grade, class_.points.get(grade.name)),
    )


def penalty(grade: ExerciseGrade) -> str:
    lost = grade.points - score_of(grade)
    if lost <= 0:
        return ""
    late = f"{text.span(grade.minutes_late)} late" if grade.minutes_late else "Late"
    rule = f" ({text.line(grade.penalty_rule)})" if grade.penalty_rule else ""
    return f"{late}: {text.points(lost)} of {text.points(grade.points)} points are lost{rule}."


def line(check: Check) -> Line:
    """A check as it is shown: of a hidden one the name and the hint alone, as messages have inputs.

    Of one that passed, neither values nor cause.
    """
    hidden, passed = check.kind == "hidden", check.status == "passed"

    def shown(value: str | None) -> str:
        return "" if hidden or passed else text.lines(value or "")

    return Line(
        name=text.line(check.name),
        kind=KINDS[check.kind],
        mark=mark(check),
        points=text.points(check.points),
        most=text.points(check.max_points),
        message="" if hidden else text.lines(check.message),
        expected=shown(check.expected),
        actual=shown(check.actual),
        cause=shown(check.cause),
        hint="" if passed else text.lines(check.hint or ""),
    )


def mark(check: Check) -> str:
    if check.status == "passed":
        return "passed"
    if check.status == "skipped":
        return "not counted" if check.kind == "log" else "not run"
    return "partly" if check.points > 0 else "failed"


def own_points(grade: ExerciseGrade, class_: Distribution | None) -> Figure | None:
    """The own points beside the class's; None of a class so small that it would tell of others."""
    if class_ is None or not class_.telling or not grade.handed_in:
        return None
    own = score_of(grade)
    title = f"Points of the class in {text.line(grade.name)}"
    return Figure(title, histogram(class_, own), points_in_words(class_, own))


def speed_figure(graded: Graded, class_: Setting) -> Figure | None:
    own = {text.line(stage, 40): ratio for stage, ratio in graded.speeds.items()}
    if not own:
        return None
    others = {
        text.line(stage, 40): one
        for stage, one in class_.speeds.items()
        if one.telling and stage in graded.speeds
    }
    title = "Tokens per second, as a multiple of your own baseline"
    return Figure(title, strips(others, own), speeds_in_words(others, own))


def remarks(one: Participant, graded: Graded, class_: Setting) -> list[str]:
    """What became of the submission on its way, but for what is the teacher's to decide on."""
    sentences = (
        ": ".join(part for part in (place(found.about), text.lines(found.sentence)) if part)
        for found in graded.remarks
        if found.severity != "contradiction"
        and not found.private
        and not (graded.handed_in and found.sentence.startswith(TIME))  # a fact of the page already
    )
    return [remark for remark in sentences if not names_others(remark, one, class_)][:MOST_REMARKS]


def place(about: str) -> str:
    """What a remark is about; of a file on the teacher's machine the name alone."""
    return text.line(about.rpartition("/")[2] if about.startswith("/") else about)


def names_others(remark: str, one: Participant, class_: Setting) -> bool:
    if class_.names is None:
        return False
    own = {word.casefold() for word in words_of(one)}
    return any(word.casefold() not in own for word in class_.names.findall(remark))


def everybody(cls: Class) -> Iterable[Participant]:
    yield from cls.roster
    yield from (graded.participant for graded in cls.unknown)


def words_of(one: Participant) -> set[str]:
    """How a person may be named, as it would be shown; small numbers name nobody."""
    words = map(text.line, (one.id, one.name, one.email, one.account))
    return {word for word in words if word and not (word.isdecimal() and len(word) < 5)}
