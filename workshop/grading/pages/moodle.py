"""For Moodle: its grading worksheet, filled in, and a zip of feedback files that it takes back.

"Upload multiple feedback files in a zip" finds the person by the name of a folder, which is cut at
its underscores: NAME_NUMBER_assignsubmission_file_, as in Moodle's own download; NUMBER is the
worksheet's Identifier.

    https://github.com/moodle/moodle/blob/MOODLE_405_STABLE/mod/assign/feedback/file/importziplib.php
    https://github.com/moodle/moodle/blob/MOODLE_405_STABLE/mod/assign/feedback/offline/importgradeslib.php
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field

from workshop.grading.intake.moodle import (
    ENGLISH,
    GERMAN,
    Names,
    names_of,
    number_of,
    plain,
    value_of,
)
from workshop.grading.pages import text
from workshop.grading.pages.roll import exercises_of, in_order, score_of, total
from workshop.grading.records import Class, Graded, Participant

FEEDBACK_ZIP = "moodle-feedback.zip"
FEEDBACK_FILE = "feedback.html"
OURS = "Points by exercise: "  # what our part of a comment begins with
SEPARATOR = " - "  # between what a teacher wrote and our part
_PLUGIN = "_assignsubmission_file_"
_WITH_DECIMALS = re.compile(r"\d+([.,])\d+")
_NOT_IN_A_NAME = re.compile(r'[_/\\:*?"<>|.\s]+')
_LONGEST_NAME = 60
_ALWAYS = (1980, 1, 1, 0, 0, 0)  # a zip with the same files is the same zip


def is_worksheet(cls: Class) -> bool:
    return any(names_of(one.others) for one in cls.roster)


def worksheet(cls: Class, number: Callable[[float], str]) -> list[list[str]]:
    """The roster's worksheet with every column that it has, Grade and feedback filled in.

    Columns that Moodle usually writes and that are not there are added, empty. Of an assignment
    that is graded by words (Scale), the grade stays as it is: no word follows from points.

    Args:
        number: how points are written, with a point; the worksheet's decimal separator takes its
            place.
    """
    names = next((found for one in cls.roster if (found := names_of(one.others))), ENGLISH)
    mark = decimal_separator(cls, names)

    def localised(value: float) -> str:
        return number(value).replace(".", mark)

    columns = with_usual(list(dict.fromkeys(c for one in cls.roster for c in one.others)), names)
    most = localised(sum(exercises_of(cls).values()))
    people = in_order(cls)
    return [columns, *(row(*person, columns, names, most, localised) for person in people)]


def decimal_separator(cls: Class, names: Names) -> str:
    """'.' or ',': that of the worksheet's grades; where they have none, that of its language."""
    for column in (names.most, names.grade):
        for one in cls.roster:
            if found := _WITH_DECIMALS.fullmatch(value_of(one.others, column).strip()):
                return found[1]
    return "," if names is GERMAN else "."


def with_usual(columns: list[str], names: Names) -> list[str]:
    """The columns, and the usual ones that are not among them, each behind its neighbour."""
    there = {plain(column) for column in columns}
    by_words = plain(names.scale) in there
    place = -1
    for name in names.usual:
        if plain(name) in there:
            place = next(i for i, column in enumerate(columns) if plain(column) == plain(name))
        elif not (by_words and name == names.most):
            place += 1
            columns.insert(place, name)
    return columns


def row(
    one: Participant,
    graded: Graded | None,
    columns: list[str],
    names: Names,
    most: str,
    number: Callable[[float], str],
) -> list[str]:
    """A person's line: as the worksheet has it, with what grading adds."""
    theirs = {plain(column): one.others.get(column, "") for column in columns}
    for name, value in ((names.full_name, text.name(one.name)), (names.email, one.email)):
        theirs[plain(name)] = theirs[plain(name)] or value
    by_words = plain(names.scale) in theirs
    if not by_words:
        theirs[plain(names.most)] = theirs[plain(names.most)] or most
    if graded is not None:
        if not by_words:
            theirs[plain(names.grade)] = number(total(graded))
        theirs[plain(names.feedback)] = comment(theirs[plain(names.feedback)], graded)
    return [theirs[plain(column)] for column in columns]


def comment(before: str, graded: Graded) -> str:
    """The feedback comment: what a teacher wrote stays, and our part stands behind it."""
    written, ours, _ = before.partition(OURS)
    theirs = written.rstrip().removesuffix(SEPARATOR.strip()) if ours else before
    parts = [theirs.strip(), f"{OURS}{points_in_words(graded)}"]
    return SEPARATOR.join(part for part in parts if part)


def points_in_words(graded: Graded) -> str:
    """'napkin 2 of 4; compile 1.5 of 2 (late: 0.5 lost); quantize not handed in'."""
    parts = []
    for one in graded.exercises:
        score, most = text.points(score_of(one)), text.points(one.max_points)
        lost = one.points - score_of(one)
        late = f" (late: {text.points(lost)} lost)" if lost > 0 else ""
        came = f"{score} of {most}{late}" if one.handed_in else "not handed in"
        parts.append(f"{text.line(one.name)} {came}")
    return "; ".join(parts)


def folder_of(one: Participant) -> str:
    """The folder by which Moodle knows a person: 'Ada Lovelace_4711_assignsubmission_file_'."""
    name = _NOT_IN_A_NAME.sub(" ", text.name(one.name)).strip()[:_LONGEST_NAME].strip()
    return f"{name or 'Participant'}_{number_of(one)}{_PLUGIN}"


@dataclass
class FeedbackZip:
    """Feedback files of people, as they are added; ``content`` is the zip when all are."""

    _held: io.BytesIO = field(default_factory=io.BytesIO)
    _archive: zipfile.ZipFile = field(init=False)

    def __post_init__(self) -> None:
        self._archive = zipfile.ZipFile(self._held, "w")

    def add(self, one: Participant, page: bytes) -> None:
        """A person's page; of somebody whom Moodle does not know, nothing."""
        if number_of(one):
            entry = zipfile.ZipInfo(f"{folder_of(one)}/{FEEDBACK_FILE}", _ALWAYS)
            entry.compress_type = zipfile.ZIP_DEFLATED
            self._archive.writestr(entry, page)

    @property
    def content(self) -> bytes:
        self._archive.close()
        return self._held.getvalue()
