"""The roster: who should have handed in, as nbgrader, Moodle, Canvas, Gradescope or anybody has it.

CSV with commas, semicolons or tabs, in UTF-8, UTF-16 or an older encoding. Columns are known by
their usual names, in any order; every column is kept, since a gradebook gives them back. Nobody is
lost: a line with a fault is a person all the same, and the fault is told.

    nbgrader     id, first_name, last_name, email
                 https://github.com/jupyter/nbgrader/blob/main/nbgrader/apps/dbapp.py
    Moodle       Identifier, Full name, ID number, Email address, ...   (a grading worksheet);
                 in German ID, Vollständiger Name, ID-Nummer, E-Mail-Adresse, ... (moodle.py)
                 https://docs.moodle.org/en/Grade_import
                 https://github.com/moodle/moodle/blob/main/public/mod/assign/gradingtable.php
    Canvas       Student, ID, SIS User ID, SIS Login ID, Section; a line of Points Possible
                 https://github.com/instructure/canvas-lms/blob/master/lib/gradebook_exporter.rb
    Gradescope   First Name, Last Name, SID, Email
                 https://guides.gradescope.com/hc/en-us/articles/21926598776333
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from workshop.grading.intake import moodle
from workshop.grading.intake.left_out import shown
from workshop.grading.intake.moodle import plain
from workshop.grading.records import Finding, Participant
from workshop.util.errors import UsageError

# In the order of preference, as they are called once case, hyphens and underscores are gone.
ID = (
    *("student id", "id number", "idnumber", "sid", "sis user id", "matrikelnummer"),
    *("id nummer", "matriculation number", "student number", "id", "anmeldename", "username"),
    "sis login id",
)
EMAIL = ("email", "email address", "e mail", "e mail address", "mail", "e mail adresse")
NAME = (
    *("name", "full name", "fullname", "student", "student name", "vollständiger name"),
    "display name",
)
FIRST = ("first name", "firstname", "given name", "vorname")
LAST = ("last name", "lastname", "surname", "family name", "nachname")
ACCOUNT = ("account", "user", "login", "cluster account", "cluster user", "unix user", "uid")
IDENTIFIER = (*ID, "identifier")

UNDERSTOOD = "id, name, first_name, last_name, email, account"
_SEPARATORS = ",;\t"
_POINTS_POSSIBLE = "points possible"
_HIDDEN = "manual posting"


@dataclass(frozen=True)
class Roster:
    """Who should have handed in.

    Attributes:
        participants: in the roster's order; ids are all different.
        remarks: on lines with faults.
    """

    participants: list[Participant]
    remarks: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class _Columns:
    """Where in a line what stands; -1 where nowhere."""

    id: int
    name: int
    first: int
    last: int
    email: int
    account: int


@dataclass(frozen=True)
class _Line:
    number: int
    cells: list[str]

    def cell(self, column: int) -> str:
        return self.cells[column].strip() if 0 <= column < len(self.cells) else ""


def read_roster(path: Path) -> Roster:
    """Read a roster.

    Raises:
        UsageError: it cannot be read, is no CSV, or has no column that tells who is who.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"the roster {path} cannot be read: {error.strerror}") from None
    if raw.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        raise UsageError(f"{path} is a spreadsheet: save it as CSV and name that")
    content, remarks = decode(raw, path.name)
    header, lines = _parse(content, path)
    columns = _columns(header, lines, path)
    lines = [line for line in lines if not _is_no_person(line, columns)]
    remarks += _odd_lines(header, lines, columns, path.name)
    lines = [line for line in lines if _tells(line, columns)]
    participants = [_participant(header, line, columns) for line in lines]
    participants, more = _told_apart(participants, [line.number for line in lines], path.name)
    if not participants:
        raise UsageError(f"{path} names nobody: below its first line stands one person a line")
    return Roster(participants, remarks + more)


def decode(raw: bytes, about: str) -> tuple[str, list[Finding]]:
    """Text of whatever encoding, and a remark where it had to be guessed."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", "replace"), []
    if raw[:64].count(0) > len(raw[:64]) // 3:
        return raw.decode("utf-16-le" if raw[1] == 0 else "utf-16-be", "replace"), []
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        sentence = "it is not UTF-8; read as Windows-1252: look whether names came out right"
        evidence = {"first byte that is not": str(error.start)}
        return (
            raw.decode("cp1252", "replace") if _fits(raw, "cp1252") else raw.decode("latin-1"),
            [Finding("doubt", about, sentence, evidence)],
        )


def _fits(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def identifiers(participant: Participant) -> list[str]:
    """All that a person is known by in a learning management system: 'Participant 1234567'."""
    return [v for k, v in participant.others.items() if plain(k) in IDENTIFIER and v]


def _parse(content: str, path: Path) -> tuple[list[str], list[_Line]]:
    skipped = 0
    if content[:5].casefold() in ("sep=,", "sep=;", "sep=\t"):  # Excel's
        content, skipped = content.partition("\n")[2], 1
    separator = max(_SEPARATORS, key=lambda one: _likeliness(content, one))
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True)
    try:
        lines = (_Line(reader.line_num + skipped, cells) for cells in reader)
        rows = [line for line in lines if any(cell.strip() for cell in line.cells)]
    except csv.Error as error:
        line = reader.line_num + skipped
        raise UsageError(f"{path}, line {line}: {error}; is a quotation mark missing?") from None
    if not rows:
        raise UsageError(f"{path} is empty: its first line names the columns, {UNDERSTOOD}")
    return [cell.strip() for cell in rows[0].cells], rows[1:]


def _likeliness(content: str, separator: str) -> tuple[int, int]:
    """How many columns of the first line are known if it is read so, and how many there are."""
    known = {*ID, *EMAIL, *NAME, *FIRST, *LAST, *ACCOUNT, *IDENTIFIER}
    try:
        header = next(csv.reader(io.StringIO(content, newline=""), delimiter=separator), [])
    except csv.Error:
        header = []
    return sum(plain(cell) in known for cell in header), len(header)


def _columns(header: list[str], lines: list[_Line], path: Path) -> _Columns:
    names = [plain(cell) for cell in header]

    def first(known: tuple[str, ...]) -> int:
        """The first of these columns in which anybody has anything."""
        there = [names.index(one) for one in known if one in names]
        return next((i for i in there if not lines or any(line.cell(i) for line in lines)), -1)

    # What Moodle calls Identifier, and in German ID, is its own number, and the last resort.
    worksheet = moodle.names_of(header)
    last = plain(worksheet.identifier) if worksheet else "identifier"
    found = _Columns(
        id=first((*(one for one in (*ID, *EMAIL) if one != last), last)),
        name=first(NAME),
        first=first(FIRST),
        last=first(LAST),
        email=first(EMAIL),
        account=first(ACCOUNT),
    )
    if found.id < 0 and found.name < 0 and found.last < 0:
        there = ", ".join(shown(one) for one in header)
        raise UsageError(
            f"{path} has no column that tells who is who: its first line has {there}; "
            f"understood are {UNDERSTOOD}, and those of Moodle, Canvas and Gradescope"
        )
    return found


def _is_no_person(line: _Line, columns: _Columns) -> bool:
    """Canvas's lines of what assignments are worth, and of which ones are hidden."""
    if plain(line.cell(columns.name)) == _POINTS_POSSIBLE:
        return True
    return not _tells(line, columns) and _HIDDEN in [plain(cell) for cell in line.cells]


def _tells(line: _Line, columns: _Columns) -> bool:
    tells = (columns.id, columns.name, columns.first, columns.last, columns.email)
    return any(line.cell(column) for column in tells)


def _odd_lines(
    header: list[str], lines: list[_Line], columns: _Columns, about: str
) -> list[Finding]:
    findings = []
    for line in lines:
        evidence = {"columns": str(len(header)), "in this line": str(len(line.cells))}
        if not _tells(line, columns):
            sentence = f"line {line.number} names nobody: it has no id, no name and no address"
            findings.append(Finding("doubt", about, sentence))
        elif len(line.cells) != len(header):
            kind = "short" if len(line.cells) < len(header) else "long"
            sentence = f"line {line.number} is too {kind}: the person is taken, look at the line"
            findings.append(Finding("doubt", about, sentence, evidence))
    return findings


def _participant(header: list[str], line: _Line, columns: _Columns) -> Participant:
    parts = (line.cell(columns.first), line.cell(columns.last))
    others: dict[str, str] = {}
    for index, column in enumerate(header):
        others.setdefault(column, line.cell(index))
    return Participant(
        id=line.cell(columns.id),
        name=line.cell(columns.name) or " ".join(part for part in parts if part),
        email=line.cell(columns.email),
        account=line.cell(columns.account),
        others=others,
    )


def _told_apart(
    people: list[Participant], lines: list[int], about: str
) -> tuple[list[Participant], list[Finding]]:
    """Everybody with an id that nobody else has, and a remark on each that had to be given one."""
    people_by_id: dict[str, Participant] = {}
    findings = []
    alike = Counter(one.id.casefold() for one in {p.id: p for p in people if p.id}.values())
    for one, line in zip(people, lines, strict=True):
        called = shown(one.name or one.email or "somebody")
        if not one.id:
            stand_in = _free(one.email or one.account or one.name, line, people_by_id, people)
            sentence = f"line {line}: {called} has no id, and is called {shown(stand_in)} here"
            findings.append(Finding("doubt", about, sentence))
            people_by_id[stand_in] = _with_id(one, stand_in)
        elif one.id not in people_by_id:
            people_by_id[one.id] = one
        elif _same_person(one, people_by_id[one.id]):
            sentence = f"line {line}: {called} stands on the roster twice, and is taken once"
            findings.append(Finding("note", about, sentence, {"id": shown(one.id)}))
        else:
            stand_in = _free(f"{one.id} (line {line})", line, people_by_id, people)
            other = shown(people_by_id[one.id].name)
            sentence = f"line {line}: {called} has the id of {other}, and is {stand_in!r} here"
            findings.append(Finding("contradiction", about, sentence, {"id": shown(one.id)}))
            people_by_id[stand_in] = _with_id(one, stand_in)
    findings += [
        Finding("doubt", about, f"{count} ids differ in capitals only: {shown(folded)}")
        for folded, count in alike.items()
        if count > 1
    ]
    return list(people_by_id.values()), findings


def _free(
    wanted: str, line: int, people_by_id: dict[str, Participant], people: list[Participant]
) -> str:
    taken = {*people_by_id, *(one.id for one in people)}
    base = wanted or f"line {line}"
    return base if base not in taken else f"{base} (line {line})"


def _with_id(one: Participant, id: str) -> Participant:
    return Participant(id, one.name, one.email, one.account, one.others)


def _same_person(one: Participant, other: Participant) -> bool:
    return (one.name, one.email) == (other.name, other.email)
