"""Moodle: its worksheet in English, American and German, filled in; feedback that it takes back.

Columns and dates are those of Moodle's language packs; names and numbers are made up.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from grading_class import check, class_of, exercise, graded
from submission_builders import CODE, gathered, lay, only, told

from workshop.grading.intake.handed_in import in_words
from workshop.grading.intake.roster import Roster, read_roster
from workshop.grading.pages.gradebook import gradebook
from workshop.grading.pages.moodle import OURS, folder_of
from workshop.grading.pages.outputs import write_outputs
from workshop.grading.penalty import minutes_late
from workshop.grading.records import Class
from workshop.grading.rubric import Late

DUE = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
CAME = datetime(2026, 11, 20, 23, 58, tzinfo=UTC)
ENGLISH = (
    'Identifier,"Full name","ID number","Email address",Status,Group,Grade,"Maximum Grade",'
    '"Grade can be changed","Last modified (submission)","Online text","Last modified (grade)",'
    '"Feedback comments"\n'
    'Participant 4711,"Ada Lovelace",s1,ada@example.org,'
    '"Submitted for grading - 58 mins late -  - ",Red,,6.00,Yes,'
    '"Friday, 20 November 2026, 11:58 PM",hello,-,\n'
    'Participant 4712,"Grace Hopper",s2,grace@example.org,'
    '"Submitted for grading -  - ",Blue,4.00,6.00,Yes,'
    '"Friday, 20 November 2026, 10:05 AM",,"Saturday, 21 November 2026, 9:00 AM",Well done.\n'
    'Participant 4713,"Jörg Müller",s3,joerg@example.org,"No submission -  - ",,,6.00,Yes,-,,-,\n'
)
AMERICAN = ENGLISH.replace("Friday, 20 November 2026,", "Friday, November 20, 2026,")
GERMAN = (
    'ID,"Vollständiger Name",ID-Nummer,E-Mail-Adresse,Status,Gruppe,Bewertung,Bestwertung,'
    '"Bewertung kann geändert werden","Zuletzt geändert (Abgabe)","Texteingabe online",'
    '"Zuletzt geändert (Bewertung)","Feedback als Kommentar"\n'
    'Teilnehmer/in4711,"Ada Lovelace",s1,ada@example.org,'
    '"Zur Bewertung abgegeben - 58 Minuten zu spät -  - ",Rot,,"6,00",Ja,'
    '"Freitag, 20. November 2026, 23:58",hallo,-,\n'
    'Teilnehmer/in4712,"Grace Hopper",s2,grace@example.org,'
    '"Zur Bewertung abgegeben -  - ",Blau,"4,00","6,00",Ja,'
    '"Freitag, 20. November 2026, 10:05",,"Samstag, 21. November 2026, 09:00",Well done.\n'
    'Teilnehmer/in4713,"Jörg Müller",s3,joerg@example.org,"Keine Abgabe -  - ",,,"6,00",Ja,-,,-,\n'
)
SHEETS = {"English": ENGLISH, "American": AMERICAN, "German": GERMAN}
GRADE = {"English": "Grade", "American": "Grade", "German": "Bewertung"}
COMMENT = {
    "English": "Feedback comments",
    "American": "Feedback comments",
    "German": "Feedback als Kommentar",
}


@pytest.fixture(params=SHEETS)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def roster_of(folder: Path, text: str) -> Roster:
    path = folder / "worksheet.csv"
    path.write_text(text, encoding="utf-8-sig")  # as Moodle writes it
    return read_roster(path)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# --- who, and when ---


def test_people_are_known_by_the_same_ids_in_both_languages(language: str, tmp_path: Path) -> None:
    roster = roster_of(tmp_path, SHEETS[language])
    assert [(one.id, one.name, one.email) for one in roster.participants] == [
        ("s1", "Ada Lovelace", "ada@example.org"),
        ("s2", "Grace Hopper", "grace@example.org"),
        ("s3", "Jörg Müller", "joerg@example.org"),
    ]
    assert roster.remarks == []


@pytest.mark.parametrize(
    ("column", "ids"), [("ID number", ["ada@example.org"]), ("Email address", ["s1"])]
)
def test_moodles_own_number_is_the_last_resort(
    column: str, ids: list[str], language: str, tmp_path: Path
) -> None:
    """Also where the column is called ID, as in German."""
    position = {"ID number": 2, "Email address": 3}[column]
    lines = list(csv.reader(io.StringIO(SHEETS[language])))
    out = io.StringIO()
    csv.writer(out).writerows([line[:position] + line[position + 1 :] for line in lines])
    roster = roster_of(tmp_path, out.getvalue())
    assert [one.id for one in roster.participants][:1] == ids


def test_late_is_late_in_both_languages(language: str, tmp_path: Path) -> None:
    roster = roster_of(tmp_path, SHEETS[language])
    lay(
        tmp_path / "all",
        {
            "Ada Lovelace_4711_assignsubmission_file/napkin.py": CODE,
            "Grace Hopper_4712_assignsubmission_file_/napkin.py": CODE,
        },
    )
    (tmp_path / "all" / "Jörg Müller_4713_assignsubmission_file_").mkdir()
    found = gathered(tmp_path, tmp_path / "all", roster=roster)
    came = {one.participant.id: one.handed_in for one in found.attempts}
    assert came == {"s1": CAME, "s2": datetime(2026, 11, 20, 10, 5, tzinfo=UTC)}
    assert minutes_late(came["s1"], DUE, Late()) == 58
    assert minutes_late(came["s2"], DUE, Late()) == 0
    late = next(one for one in found.attempts if one.participant.id == "s1")
    assert "Moodle's worksheet says: " in told(late.remarks)
    assert "58 min" in told(late.remarks).casefold()


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("Friday, 20 November 2026, 11:58 PM", CAME),
        ("Friday, 20 November 2026, 12:05 AM", CAME.replace(hour=0, minute=5)),
        ("Friday, 20 November 2026, 12:05 PM", CAME.replace(hour=12, minute=5)),
        ("Friday, November 20, 2026, 11:58\u202fPM", CAME),
        ("Freitag, 20. November 2026, 23:58", CAME),
        ("Dienstag, 3. März 2026, 07:09", datetime(2026, 3, 3, 7, 9, tzinfo=UTC)),
        ("Donnerstag, 7. Mai 2026, 07:09", datetime(2026, 5, 7, 7, 9, tzinfo=UTC)),
        ("Samstag, 10. Oktober 2026, 07:09", datetime(2026, 10, 10, 7, 9, tzinfo=UTC)),
        ("Mittwoch, 2. Dezember 2026, 00:00", datetime(2026, 12, 2, 0, 0, tzinfo=UTC)),
        ("Donnerstag, 1. Jänner 2026, 10:00", datetime(2026, 1, 1, 10, 0, tzinfo=UTC)),
        ("20 November 2026", None),
        ("Friday, 31 November 2026, 11:58 PM", None),
        ("vendredi 20 novembre 2026, 23:58", CAME),
        ("-", None),
    ],
)
def test_dates_are_read_as_moodle_writes_them(text: str, when: datetime | None) -> None:
    assert in_words(text, UTC) == when


def test_a_date_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    text = ENGLISH.replace("Friday, 20 November 2026, 11:58 PM", "2569/11/20 at noon")
    lay(tmp_path / "all", {"Ada Lovelace_4711_assignsubmission_file_/napkin.py": CODE})
    found = only(gathered(tmp_path, tmp_path / "all", roster=roster_of(tmp_path, text)))
    assert found.handed_in is None
    (remark,) = (one for one in found.remarks if "time handed in" in one.sentence)
    assert "in no form that is known: 2569/11/20 at noon" in remark.evidence["told by"]


@pytest.mark.parametrize(
    "status",
    [
        "Draft (not submitted) -  - ",
        "Entwurf (nicht abgegeben) -  - ",
        "Submitted for grading - Extension granted until: Monday, 23 November 2026, 12:00 PM -  - ",
        "Zur Bewertung abgegeben - Verlängertes Abgabeende bis: Montag, 23. November 2026, 12:00 ",
        "Zur Bewertung abgegeben - 1 Tag 2 Stunden später -  - ",
    ],
)
def test_what_the_status_tells_besides_is_told(status: str, tmp_path: Path) -> None:
    text = ENGLISH.replace("Submitted for grading - 58 mins late -  - ", status)
    lay(tmp_path / "all", {"Ada Lovelace_4711_assignsubmission_file_/napkin.py": CODE})
    found = only(gathered(tmp_path, tmp_path / "all", roster=roster_of(tmp_path, text)))
    assert f"Moodle's worksheet says: {status.strip(' -')}" in told(found.remarks)


# --- the worksheet, filled in ---


def graded_class(folder: Path, text: str) -> Class:
    roster = roster_of(folder, text)
    ada, grace, joerg = roster.participants
    napkin = exercise("napkin", check(points=2.0, most=4.0))
    mine = exercise("napkin", check(points=4.0, most=4.0))
    return class_of(graded(ada, napkin), graded(grace, mine), absent=(joerg,))


def test_the_worksheet_comes_back_with_all_that_it_had(language: str, tmp_path: Path) -> None:
    book = gradebook(graded_class(tmp_path, SHEETS[language]), "moodle")
    before, after = rows_of(SHEETS[language]), rows_of(book)
    assert list(after[0]) == list(before[0])
    changed = (GRADE[language], COMMENT[language])
    for old, new in zip(before, after, strict=True):
        assert {k: v for k, v in new.items() if k not in changed} == {
            k: v.strip() for k, v in old.items() if k not in changed
        }
    grades = ["2,0", "4,0", ""] if language == "German" else ["2.0", "4.0", ""]
    assert [one[GRADE[language]] for one in after] == grades
    assert after[0][COMMENT[language]] == f"{OURS}napkin 2 of 4"
    assert after[1][COMMENT[language]] == f"Well done. - {OURS}napkin 4 of 4"
    assert after[2][COMMENT[language]] == ""


def test_grading_again_leaves_one_comment_of_ours(language: str, tmp_path: Path) -> None:
    once = gradebook(graded_class(tmp_path, SHEETS[language]), "moodle")
    twice = gradebook(graded_class(tmp_path, once), "moodle")
    assert twice == once


@pytest.mark.parametrize(
    ("text", "column", "grade"),
    [
        (GERMAN, "Bewertung", "2,0"),
        (GERMAN.replace("6,00", "6.00").replace("4,00", "4.00"), "Bewertung", "2.0"),
        (GERMAN.replace('"6,00"', "6").replace('"4,00"', "4"), "Bewertung", "2,0"),
        (GERMAN.replace('"6,00"', ""), "Bewertung", "2,0"),
        (ENGLISH.replace("6.00", '"6,00"').replace("4.00", '"4,00"'), "Grade", "2,0"),
        (ENGLISH.replace("6.00", "6").replace("4.00", "4"), "Grade", "2.0"),
    ],
)
def test_grades_have_the_worksheets_decimal_separator(
    text: str, column: str, grade: str, tmp_path: Path
) -> None:
    book = gradebook(graded_class(tmp_path, text), "moodle")
    assert rows_of(book)[0][column] == grade
    assert gradebook(graded_class(tmp_path, book), "moodle") == book


@pytest.mark.parametrize(
    ("before", "stays"), [("Schon gut", "Schon gut"), ("a - b -", "a - b -"), ("", "")]
)
def test_what_a_teacher_wrote_is_set_apart(before: str, stays: str, tmp_path: Path) -> None:
    (row, _, _) = rows_of(gradebook(graded_class(tmp_path, ENGLISH), "moodle"))
    assert row["Feedback comments"].startswith(OURS)
    cls = graded_class(tmp_path, ENGLISH.replace("Well done.", before))
    told = rows_of(gradebook(cls, "moodle"))[1]["Feedback comments"]
    assert told == " - ".join(part for part in (stays, f"{OURS}napkin 4 of 4") if part)


def test_an_assignment_that_is_graded_by_words_keeps_its_grade(tmp_path: Path) -> None:
    text = GERMAN.replace("Bestwertung", "Skala").replace('"6,00"', '"nicht bestanden bestanden"')
    after = rows_of(gradebook(graded_class(tmp_path, text), "moodle"))
    assert [one["Bewertung"] for one in after] == ["", "4,00", ""]
    assert "Bestwertung" not in after[0]
    assert after[0]["Feedback als Kommentar"] == f"{OURS}napkin 2 of 4"


def test_what_came_late_is_in_the_comment(tmp_path: Path) -> None:
    cls = graded_class(tmp_path, ENGLISH)
    ada = cls.roster[0]
    late = exercise("napkin", check(points=2.0, most=4.0), minutes_late=60.0, penalty=0.5)
    cls = class_of(graded(ada, late))
    (row,) = rows_of(gradebook(cls, "moodle"))
    assert row["Feedback comments"] == f"{OURS}napkin 1.5 of 4 (late: 0.5 lost)"
    assert row["Grade"] == "1.5"


# --- the feedback files ---


def as_moodle_takes_them(content: bytes, known: set[int]) -> Iterator[tuple[int, str]]:
    """Whose each file is, and what it is called then: the rule of Moodle's importer.

    https://github.com/moodle/moodle/blob/MOODLE_405_STABLE/mod/assign/feedback/file/importziplib.php
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.namelist():
            first, *others = entry.split("/")
            cut = first.split("_", 4)
            assert len(cut) >= 4
            assert cut[2:4] == ["assignsubmission", "file"]
            assert int(cut[1]) in known
            yield int(cut[1]), "/".join([*cut[4:], *others])


def test_moodle_finds_everybodys_feedback(language: str, tmp_path: Path) -> None:
    cls = graded_class(tmp_path, SHEETS[language])
    paths = write_outputs(cls, tmp_path / "out", "moodle")
    zipped = tmp_path / "out" / "moodle-feedback.zip"
    assert zipped in paths
    taken = list(as_moodle_takes_them(zipped.read_bytes(), {4711, 4712, 4713}))
    assert taken == [(4711, "/feedback.html"), (4712, "/feedback.html")]  # of s3 nothing came
    page = (tmp_path / "out" / "participants" / "s1" / "feedback.html").read_bytes()
    with zipfile.ZipFile(zipped) as archive:
        assert archive.read("Ada Lovelace_4711_assignsubmission_file_/feedback.html") == page


def test_the_zip_is_the_same_when_nothing_changed(tmp_path: Path) -> None:
    cls = graded_class(tmp_path, GERMAN)
    for out in ("one", "other"):
        write_outputs(cls, tmp_path / out, "moodle")
    one, other = (tmp_path / out / "moodle-feedback.zip" for out in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()


def test_no_name_breaks_a_folders_name(tmp_path: Path) -> None:
    text = ENGLISH.replace("Ada Lovelace", "A_d/a .. Lo:ve\\lace_7").replace("Grace Hopper", "___")
    ada, grace, _ = roster_of(tmp_path, text).participants
    assert folder_of(ada) == "A d a Lo ve lace 7_4711_assignsubmission_file_"
    assert folder_of(grace) == "Participant_4712_assignsubmission_file_"


def test_without_moodles_worksheet_there_is_no_zip(tmp_path: Path) -> None:
    cls = graded_class(tmp_path, "id,name\ns1,Ada\ns2,Grace\ns3,Jo\n")
    write_outputs(cls, tmp_path / "out", "moodle")
    assert not (tmp_path / "out" / "moodle-feedback.zip").exists()
