"""Moodle's grading worksheet: what its columns are called in English and German, and what they say.

The names are strings of Moodle's language packs (mod/assign: recordid, maxgrade, lastmodifiedgrade
and others; assignfeedback_comments), which "Download grading worksheet" writes as they are:

    https://github.com/moodle/moodle/blob/MOODLE_405_STABLE/mod/assign/gradingtable.php
    https://github.com/moodle/moodle/blob/MOODLE_405_STABLE/mod/assign/lang/en/assign.php
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from workshop.grading.records import Participant


@dataclass(frozen=True)
class Names:
    """The columns of a worksheet that mean something here, in one language, in Moodle's order."""

    identifier: str
    full_name: str
    email: str
    status: str
    grade: str
    most: str
    changeable: str
    submitted: str
    graded: str
    feedback: str
    scale: str  # in place of ``most`` where an assignment is graded by words

    @property
    def usual(self) -> list[str]:
        """Those of a worksheet with points."""
        return [getattr(self, one.name) for one in fields(self) if one.name != "scale"]


ENGLISH = Names(
    *("Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade"),
    *("Grade can be changed", "Last modified (submission)", "Last modified (grade)"),
    *("Feedback comments", "Scale"),
)
GERMAN = Names(
    *("ID", "Vollständiger Name", "E-Mail-Adresse", "Status", "Bewertung", "Bestwertung"),
    *("Bewertung kann geändert werden", "Zuletzt geändert (Abgabe)"),
    *("Zuletzt geändert (Bewertung)", "Feedback als Kommentar", "Skala"),
)
LANGUAGES = (ENGLISH, GERMAN)
# What of a status is worth telling: 'Submitted for grading - 3 mins late -  - '.
_TELLING = re.compile(
    r"\b(?:late|draft|extension|zu spät|verspätet|später|entwurf|verlängert\w*)\b", re.IGNORECASE
)


def plain(header: str) -> str:
    """A column's name without case, hyphens, underscores and marks."""
    text = unicodedata.normalize("NFC", header).casefold()
    return " ".join(text.replace("_", " ").replace("-", " ").replace("\ufeff", "").split())


def names_of(columns: Iterable[str]) -> Names | None:
    """The language of a worksheet with these columns; None where it is no worksheet.

    English is told by Identifier. The German name of that column, ID, is everybody's, so another
    column has to stand beside it.
    """
    there = {plain(column) for column in columns}
    if plain(ENGLISH.identifier) in there:
        return ENGLISH
    beside = {plain(GERMAN.graded), plain(GERMAN.submitted), plain(GERMAN.changeable)}
    return GERMAN if plain(GERMAN.identifier) in there and beside & there else None


def value_of(row: Mapping[str, str], name: str) -> str:
    """What a person's row has in the column of that name, however it is spelt; '' for nothing."""
    wanted = plain(name)
    return next((value for column, value in row.items() if plain(column) == wanted), "")


def number_of(one: Participant) -> str:
    """Moodle's number of a person in this assignment: 4711 of 'Participant 4711'; '' for none."""
    names = names_of(one.others)
    found = re.search(r"\d+$", value_of(one.others, names.identifier).strip()) if names else None
    return found.group() if found else ""


def submitted(one: Participant) -> str:
    """When the worksheet says that the submission was last modified, in its words; '' for never."""
    texts = (value_of(one.others, names.submitted).strip() for names in LANGUAGES)
    return next((text for text in texts if text and text != "-"), "")


def telling_status(one: Participant) -> str:
    """The status in the worksheet where it tells more than that something came; else ''."""
    if names_of(one.others) is None:
        return ""
    status = " ".join(value_of(one.others, ENGLISH.status).split()).strip(" -")
    return status if _TELLING.search(status) else ""
