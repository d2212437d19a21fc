"""The gradebook: each format's own columns, everybody of the roster, nothing that acts."""

from __future__ import annotations

import csv
import io

import pytest
from grading_class import check, class_of, exercise, graded, left_out, person, small_class
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from workshop.grading.pages.gradebook import FORMATS, cell, gradebook, names, nbgrader_number
from workshop.grading.records import Class, Participant
from workshop.util.errors import UsageError

# As roster.py leaves them: no white space around, no carriage return inside.
ids = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).map(
    str.strip
)
people = st.builds(
    Participant,
    id=ids.filter(bool),
    name=st.text(max_size=20) | st.sampled_from(["=1+1", "O'Neil, Ada", 'Ada "A" B', "عادة", "-"]),
    email=st.sampled_from(["", "ada@example.org"]),
)


@st.composite
def classes(draw: st.DrawFn) -> Class:
    everybody = draw(st.lists(people, min_size=1, max_size=5, unique_by=lambda one: one.id))
    came = [one for one in everybody if draw(st.booleans())]
    points = st.floats(0, 10)
    grades = [
        graded(one, *(exercise(name, check(points=draw(points), most=10)) for name in ("a", "b")))
        for one in came
    ]
    return replace(class_of(*grades), roster=everybody, exercises={"a": 10.0, "b": 10.0})


def table(cls: Class, format: str) -> list[dict[str, str]]:
    """The lines as whoever imports them reads them."""
    return list(csv.DictReader(io.StringIO(gradebook(cls, format), newline="")))


def header(cls: Class, format: str) -> list[str]:
    return next(csv.reader(io.StringIO(gradebook(cls, format), newline="")))


def test_nbgraders_columns_are_those_that_it_exports() -> None:
    # https://github.com/jupyter/nbgrader/blob/main/nbgrader/plugins/export.py
    assert header(small_class(), "nbgrader") == [
        *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"),
        *("raw_score", "late_submission_penalty", "score", "max_score"),
    ]


def test_nbgrader_has_a_line_for_each_exercise_and_person() -> None:
    lines = table(small_class(), "nbgrader")
    assert len(lines) == 12
    late = next(one for one in lines if one["student_id"] == "s0002")
    assert late == {
        "assignment": "compile",
        "duedate": "2026-11-20 23:00:00",
        "timestamp": "2026-11-20 22:58:00",
        "student_id": "s0002",
        "last_name": "Number2",
        "first_name": "Ada",
        "email": "s0002@example.org",
        "raw_score": "1.0",
        "late_submission_penalty": "0.25",
        "score": "0.75",
        "max_score": "2.0",
    }


def test_in_nbgrader_nothing_handed_in_is_0_without_a_time() -> None:
    lines = table(small_class(), "nbgrader")
    nothing = [one for one in lines if not one["timestamp"]]
    assert {(one["student_id"], one["assignment"]) for one in nothing} == {
        ("s0004", "quantize"),
        ("s0006", "compile"),
        ("s0006", "quantize"),
    }
    assert {one["score"] for one in nothing} == {"0.0"}


def test_an_exercise_due_at_another_time_says_so() -> None:
    cls = replace(small_class(), deadlines={"quantize": "2026-11-28T12:00:00+00:00"})
    due = {one["assignment"]: one["duedate"] for one in table(cls, "nbgrader")}
    assert due == {"compile": "2026-11-20 23:00:00", "quantize": "2026-11-28 12:00:00"}


def test_moodle_gets_what_its_import_of_grades_maps() -> None:
    # https://docs.moodle.org/en/Grade_import
    cls = small_class()
    assert header(cls, "moodle") == [
        *("First name", "Last name", "ID number", "Email address", "compile", "quantize")
    ]
    lines = {one["ID number"]: one for one in table(cls, "moodle")}
    assert (lines["s0002"]["compile"], lines["s0002"]["quantize"]) == ("0.75", "2.0")
    assert lines["s0004"]["quantize"] == "0.0"
    assert lines["s0006"]["compile"] == "-"  # "no grade"


def test_a_roster_that_is_moodles_worksheet_comes_back_filled_in() -> None:
    # https://github.com/moodle/moodle/blob/MOODLE_405_STABLE/mod/assign/gradingtable.php
    def theirs(one: Participant) -> Participant:
        worksheet = {
            "Identifier": f"Participant {one.id[1:]}",
            "Full name": one.name,
            "Email address": one.email,
            "Status": "Submitted for grading",
            "Grade": "",
            "Maximum Grade": "6.00",
            "Grade can be changed": "Yes",
            "Last modified (grade)": "-",
            "Feedback comments": "",
        }
        return replace(one, others=worksheet)

    cls = small_class()
    cls = replace(cls, roster=[theirs(one) for one in cls.roster])
    assert header(cls, "moodle") == [
        *("Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade"),
        *("Grade can be changed", "Last modified (submission)", "Last modified (grade)"),
        "Feedback comments",
    ]
    lines = {one["Identifier"]: one for one in table(cls, "moodle")}
    assert lines["Participant 0002"]["Grade"] == "2.75"
    assert lines["Participant 0002"]["Maximum Grade"] == "6.00"
    assert lines["Participant 0002"]["Last modified (grade)"] == "-"
    assert lines["Participant 0006"]["Grade"] == ""  # Moodle leaves such a line alone


def test_canvas_gets_its_columns_and_the_points_possible() -> None:
    # https://github.com/instructure/canvas-lms/blob/master/lib/gradebook_importer.rb
    cls = small_class()
    assert header(cls, "canvas") == [
        *("Student", "ID", "SIS User ID", "SIS Login ID", "Section", "compile", "quantize")
    ]
    first, *lines = table(cls, "canvas")
    assert first["Student"].strip() == "Points Possible"
    assert (first["compile"], first["quantize"]) == ("2.0", "4.0")
    known = {one["SIS User ID"]: one for one in lines}
    assert known["s0002"]["compile"] == "0.75"
    assert known["s0006"]["compile"] == ""  # not graded: what Canvas does with it is its own
    assert {one["ID"] for one in lines} == {""}  # Canvas's own number, which nobody told


def test_canvas_gets_its_own_ids_back() -> None:
    others = {"Student": "Ada", "ID": "4711", "SIS Login ID": "ada", "Section": "Monday"}
    one = person(1, others=others)
    (_, line) = table(class_of(graded(one, exercise("a", check()))), "canvas")
    told = [line[column] for column in ("ID", "SIS User ID", "SIS Login ID", "Section")]
    assert told == ["4711", "", "ada", "Monday"]


def test_gradescope_has_the_columns_of_its_export() -> None:
    cls = small_class()
    assert header(cls, "gradescope") == [
        *("First Name", "Last Name", "SID", "Email", "Sections", "Total Score", "Max Points"),
        *("Status", "Submission ID", "Submission Time", "Lateness (H:M:S)", "View Count"),
        *("Submission Count", "1: compile (2.0 pts)", "2: quantize (4.0 pts)"),
    ]
    lines = {one["SID"]: one for one in table(cls, "gradescope")}
    late, missing = lines["s0002"], lines["s0006"]
    assert (late["Total Score"], late["Max Points"], late["Status"]) == ("2.75", "6.0", "Graded")
    assert late["Lateness (H:M:S)"] == "02:10:00"
    assert late["Submission Time"] == "2026-11-20 23:58:00 +0100"
    assert (missing["Total Score"], missing["Status"]) == ("", "Missing")


@pytest.mark.parametrize("format", FORMATS)
@given(cls=classes())
def test_everybodys_id_and_points_come_back(format: str, cls: Class) -> None:
    column = {"nbgrader": "student_id", "moodle": "ID number", "canvas": "SIS User ID"}
    place = column.get(format, "SID")
    lines = [one for one in table(cls, format) if "Points Possible" not in one.get("Student", "")]
    assert list(dict.fromkeys(one[place] for one in lines)) == [cell(one.id) for one in cls.roster]
    read = {
        (one[place], name): value
        for one in lines
        for name, value in scores(one, format).items()
        if value not in ("", "-")
    }
    for one in cls.roster:
        for name in ("a", "b"):
            given = cls.graded.get(one.id)
            expected = given.exercises["ab".index(name)].score if given else 0.0
            found = float(read.get((cell(one.id), name), 0.0))
            assert found == pytest.approx(expected, abs=6e-5)


def scores(line: dict[str, str], format: str) -> dict[str, str]:
    if format == "nbgrader":
        return {line["assignment"]: line["score"]}
    if format == "gradescope":
        return {"a": line["1: a (10.0 pts)"], "b": line["2: b (10.0 pts)"]}
    return {"a": line["a"], "b": line["b"]}


@pytest.mark.parametrize("format", FORMATS)
@given(cls=classes())
def test_no_cell_is_a_formula_that_acts(format: str, cls: Class) -> None:
    for line in csv.reader(io.StringIO(gradebook(cls, format), newline="")):
        acting = [one for one in line if one[:1] in tuple("=+-@\t") and {*one} & {*"(|!=&"}]
        assert acting == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("-17", "-17"),
        ("+4917", "+4917"),
        ("@ada", "@ada"),
        ("ada=x", "ada=x"),
    ],
)
def test_what_could_act_gets_an_apostrophe_and_an_id_stays(written: str, read: str) -> None:
    assert cell(written) == read


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Ada Lovelace", "Ada", "Lovelace"),
        ("Lovelace, Ada", "Ada", "Lovelace"),
        ("Ada Augusta King", "Ada Augusta", "King"),
        ("Ada", "", "Ada"),
        ("Ada\nLovelace\x00", "Ada", "Lovelace"),
        ("Zoë \u202eMüller", "Zoë", "Müller"),
        ("שרה כהן", "שרה", "כהן"),
        ("", "", ""),
    ],
)
def test_names_are_taken_apart_as_well_as_can_be(name: str, first: str, last: str) -> None:
    assert names(Participant("1", name)) == (first, last)


def test_names_that_the_roster_has_in_two_columns_are_taken_from_there() -> None:
    one = Participant("1", "de Vries Jan", others={"first_name": "Jan", "Surname": "de Vries"})
    assert names(one) == ("Jan", "de Vries")


@given(st.floats(0, 1e6))
def test_numbers_are_read_back(value: float) -> None:
    assert float(nbgrader_number(value)) == pytest.approx(value, abs=6e-5)
    assert "e" not in nbgrader_number(value)


def test_unknown_submissions_are_in_no_gradebook() -> None:
    assert all("tmp-x" not in gradebook(small_class(), format) for format in FORMATS)


def test_a_class_of_whom_nobody_came_has_a_gradebook_all_the_same() -> None:
    cls = class_of(absent=(person(1), person(2)))
    assert header(cls, "canvas")[-1] == "Section"
    assert [one["SID"] for one in table(cls, "gradescope")] == ["s0001", "s0002"]


def test_lateness_never_costs_more_than_there_was() -> None:
    lost = graded(person(1), exercise("a", check(points=1), penalty=1.5), left_out("b", 2))
    line, _ = table(class_of(lost), "nbgrader")
    assert (line["late_submission_penalty"], line["score"]) == ("1.0", "0.0")


def test_a_format_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="nbgrader, moodle, canvas, gradescope"):
        gradebook(small_class(), "blackboard")
