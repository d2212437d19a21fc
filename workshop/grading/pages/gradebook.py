"""The gradebook: CSV with the columns that a learning management system reads.

Everybody on the roster is in it, and nobody else. Where each format's columns are documented stands
at its function; what is done with people who are missing, in docs/gradebook.md.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
from collections.abc import Callable

from workshop.grading.pages import text
from workshop.grading.pages.moodle import is_worksheet, worksheet
from workshop.grading.pages.roll import (
    exercise_of,
    exercises_of,
    in_order,
    minutes_late,
    score_of,
    total,
)
from workshop.grading.records import Class, Graded, Participant
from workshop.util.errors import UsageError

Rows = list[list[str]]
NBGRADER = [
    *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"),
    *("raw_score", "late_submission_penalty", "score", "max_score"),
]
MOODLE = ["First name", "Last name", "ID number", "Email address"]
CANVAS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
GRADESCOPE = [
    *("First Name", "Last Name", "SID", "Email", "Sections", "Total Score", "Max Points"),
    *("Status", "Submission ID", "Submission Time", "Lateness (H:M:S)", "View Count"),
    "Submission Count",
]
_FORMULA = re.compile(r"[=+\-@\t]")
_HARMLESS = re.compile(r"[+\-@]?[\w.@+-]*")  # an id, an address, a number: nothing that acts
_FIRST = ("first name", "firstname", "given name", "vorname")
_LAST = ("last name", "lastname", "surname", "family name", "nachname")


def gradebook(cls: Class, format: str = "nbgrader") -> str:
    """The whole file, in UTF-8 when written; raises UsageError for a format that is not known."""
    if format not in FORMATS:
        raise UsageError(f"there is no gradebook format {format!r}: one of {', '.join(FORMATS)}")
    file = io.StringIO()
    rows = FORMATS[format](cls)
    csv.writer(file, lineterminator="\n").writerows([[cell(one) for one in row] for row in rows])
    return file.getvalue()


def nbgrader(cls: Class) -> Rows:
    """A line for each exercise and person, as ``nbgrader export`` writes it; nothing handed in: 0.

    https://github.com/jupyter/nbgrader/blob/main/nbgrader/plugins/export.py
    """
    rows = [NBGRADER]
    for exercise, most in exercises_of(cls).items():
        due = utc(cls.deadlines.get(exercise, cls.due))
        for one, graded in in_order(cls):
            first, last = names(one)
            grade = exercise_of(graded, exercise)
            when = utc(graded.handed_in) if graded and grade and grade.handed_in else ""
            points, score = (grade.points, score_of(grade)) if grade else (0.0, 0.0)
            numbers = [nbgrader_number(value) for value in (points, points - score, score, most)]
            rows.append([exercise, due, when, one.id, last, first, one.email, *numbers])
    return rows


def moodle(cls: Class) -> Rows:
    """For Moodle's import of grades: a line for each person, a column for each exercise.

    A roster that is an assignment's grading worksheet comes back as one (``moodle.py``), with the
    whole score as its grade. "-" is "no grade".

    https://docs.moodle.org/en/Grade_import
    https://github.com/moodle/moodle/blob/MOODLE_405_STABLE/grade/import/csv/classes/load_data.php
    """
    if is_worksheet(cls):
        return worksheet(cls, nbgrader_number)
    exercises = exercises_of(cls)
    rows = [[*MOODLE, *exercises]]
    for one, graded in in_order(cls):
        rows.append([*names(one), one.id, one.email, *_scores(graded, exercises, "-")])
    return rows


def canvas(cls: Class) -> Rows:
    """For Canvas's import of grades: points possible first, then a line for each person.

    https://github.com/instructure/canvas-lms/blob/master/lib/gradebook_importer.rb
    """
    exercises = exercises_of(cls)
    rows = [[*CANVAS, *exercises]]
    rows.append(["    Points Possible", "", "", "", "", *map(nbgrader_number, exercises.values())])
    for one, graded in in_order(cls):
        theirs = [_known(one, (column.lower(),)) for column in CANVAS[1:]]
        ids = theirs if any(_same(column) == "sis login id" for column in one.others) else ours(one)
        rows.append([_full(one), *ids, *_scores(graded, exercises, "")])
    return rows


def gradescope(cls: Class) -> Rows:
    """A line for each person, with the columns of Gradescope's export of an assignment's grades.

    They are documented nowhere; programs that read such exports have these.
    """
    exercises = exercises_of(cls)
    most = nbgrader_number(sum(exercises.values()))
    questions = [
        f"{place}: {name} ({nbgrader_number(points)} pts)"
        for place, (name, points) in enumerate(exercises.items(), 1)
    ]
    rows = [[*GRADESCOPE, *questions]]
    for one, graded in in_order(cls):
        person = [*names(one), one.id, one.email, _known(one, ("sections", "section"))]
        rows.append([*person, *_handed_in(graded, most, cls.attempts.get(one.id, 1))])
        rows[-1] += _scores(graded, exercises, "")
    return rows


def ours(one: Participant) -> list[str]:
    """What Canvas may know a person by, of whom the roster does not have Canvas's own columns."""
    return ["", one.id, one.id, _known(one, ("section", "sections"))]


FORMATS: dict[str, Callable[[Class], Rows]] = {
    "nbgrader": nbgrader,
    "moodle": moodle,
    "canvas": canvas,
    "gradescope": gradescope,
}


def cell(value: str) -> str:
    """The text so that no spreadsheet takes it for a formula; identifiers stay as they are.

    What begins like a formula and could act as one gets an apostrophe in front of it, as
    https://owasp.org/www-community/attacks/CSV_Injection says.
    """
    flat = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{flat}" if _FORMULA.match(flat) and not _HARMLESS.fullmatch(flat) else flat


def names(one: Participant) -> tuple[str, str]:
    """First and last name: the roster's own two columns, 'Last, First', or the last word last."""
    first, last = (text.name(_known(one, columns)) for columns in (_FIRST, _LAST))
    if first or last:
        return first, last
    whole = text.name(one.name)
    if "," in whole:
        last, _, first = whole.partition(",")
        return first.strip(), last.strip()
    first, _, last = whole.rpartition(" ")
    return first, last


def nbgrader_number(value: float) -> str:
    """As nbgrader writes numbers: 7.0, 6.6667; never with an exponent."""
    shown = f"{round(value, 4) + 0.0:.4f}".rstrip("0")
    return f"{shown}0" if shown.endswith(".") else shown


def utc(iso: str | None) -> str:
    """'2026-11-20 22:58:00', in UTC and without a zone, as nbgrader writes times; '' for none."""
    try:
        when = datetime.datetime.fromisoformat(iso or "")
    except ValueError:
        return ""
    if when.tzinfo is not None:
        when = when.astimezone(datetime.UTC).replace(tzinfo=None)
    return str(when.replace(microsecond=0))


def _scores(graded: Graded | None, exercises: dict[str, float], nothing: str) -> list[str]:
    """By exercise: 0 for one that was left out, ``nothing`` for a person who handed in nothing."""
    if graded is None:
        return [nothing] * len(exercises)
    grades = (exercise_of(graded, name) for name in exercises)
    return [nbgrader_number(score_of(grade) if grade else 0.0) for grade in grades]


def _handed_in(graded: Graded | None, most: str, attempts: int) -> list[str]:
    """Gradescope's columns from Total Score to Submission Count."""
    if graded is None:
        return ["", most, "Missing", "", "", "", "", ""]
    minutes, seconds = divmod(round(60 * minutes_late(graded)), 60)
    lateness = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return [
        nbgrader_number(total(graded)),
        most,
        "Graded",
        "",
        _zoned(graded),
        lateness,
        "",
        str(attempts),
    ]


def _zoned(graded: Graded) -> str:
    try:
        when = datetime.datetime.fromisoformat(graded.handed_in or "")
    except ValueError:
        return ""
    return when.strftime("%Y-%m-%d %H:%M:%S %z").strip()


def _full(one: Participant) -> str:
    return text.name(one.name) or " ".join(part for part in names(one) if part)


def _known(one: Participant, columns: tuple[str, ...]) -> str:
    """What the roster says in a column of one of these names; '' where it does not."""
    found = (value for key, value in one.others.items() if _same(key) in columns)
    return next((value for value in found if value), "")


def _same(column: str) -> str:
    return " ".join(column.lower().replace("_", " ").split())
