"""The roster: whatever it was exported from, everybody on it is known, and nobody is lost."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop.grading.intake.matching import Clue, Match, Register
from workshop.grading.intake.roster import Roster, read_roster
from workshop.grading.records import Participant
from workshop.util.errors import UsageError


def roster(tmp_path: Path, text: str, encoding: str = "utf-8") -> Roster:
    path = tmp_path / "roster.csv"
    path.write_bytes(text.encode(encoding))
    return read_roster(path)


def people(roster: Roster) -> list[tuple[str, str, str]]:
    return [(one.id, one.name, one.email) for one in roster.participants]


ADA = ("s1", "Ada Lovelace", "ada@example.org")
GRACE = ("s2", "Grace Hopper", "grace@example.org")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            "id,last_name,first_name,email,lms_user_id\n"
            "s1,Lovelace,Ada,ada@example.org,17\ns2,Hopper,Grace,grace@example.org,\n",
            "Ada Lovelace",
        ),
        (
            "Identifier,Full name,ID number,Email address,Status,Grade\n"
            "Participant 4711,Ada Lovelace,s1,ada@example.org,Submitted,-\n"
            "Participant 4712,Grace Hopper,s2,grace@example.org,,\n",
            "Ada Lovelace",
        ),
        (
            "Vorname;Nachname;ID-Nummer;E-Mail-Adresse\n"
            "Ada;Lovelace;s1;ada@example.org\nGrace;Hopper;s2;grace@example.org\n",
            "Ada Lovelace",
        ),
        (
            "First Name\tLast Name\tSID\tEmail\n"
            "Ada\tLovelace\ts1\tada@example.org\nGrace\tHopper\ts2\tgrace@example.org\n",
            "Ada Lovelace",
        ),
    ],
    ids=["nbgrader", "Moodle", "Moodle in German", "Gradescope"],
)
def test_rosters_of_every_system_are_understood(tmp_path: Path, text: str, name: str) -> None:
    found = roster(tmp_path, text)
    assert people(found) == [ADA, GRACE]
    assert found.remarks == []


def test_canvas_has_lines_that_are_nobody(tmp_path: Path) -> None:
    found = roster(
        tmp_path,
        "Student,ID,SIS User ID,SIS Login ID,Section,Napkin (12)\n"
        ",,,,,Manual Posting\n"
        "    Points Possible,,,,,10\n"
        '"Lovelace, Ada",901,s1,ada,"A and B",\n'
        '"Hopper, Grace",902,s2,grace,B,\n',
    )
    assert [(one.id, one.name) for one in found.participants] == [
        ("s1", "Lovelace, Ada"),
        ("s2", "Hopper, Grace"),
    ]
    assert found.participants[0].others["ID"] == "901"
    assert found.participants[0].others["Section"] == "A and B"
    assert found.remarks == []


def test_the_simplest_one_and_the_account_on_the_cluster(tmp_path: Path) -> None:
    found = roster(tmp_path, "id,name,account\ns1,Ada Lovelace,al815\n")
    assert found.participants == [
        Participant(
            "s1",
            "Ada Lovelace",
            account="al815",
            others={"id": "s1", "name": "Ada Lovelace", "account": "al815"},
        )
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_umlauts_come_out_right_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    found = roster(tmp_path, "sep=;\nid;name\ns1;Jörg Müller\n", encoding)
    assert found.participants[0].name == "Jörg Müller"
    assert bool(found.remarks) == (encoding == "cp1252")


NAMES = ['Lovelace, "Ada"', "=SUM(A1)", "إيمان علي", "a\u202eb", "O'Brien\nJr.", "Łukasz Ørsted"]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.text("aäß,;\"' =@", max_size=8)), min_size=1))
def test_what_stands_in_it_is_what_is_read(rows: list[tuple[str, str]]) -> None:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["id", "name", "Note"])
    writer.writerows([f"s{i}", name, note] for i, (name, note) in enumerate(rows))
    path = Path("roster.csv")
    found = read_bytes(file.getvalue().encode(), path)
    assert [one.name for one in found.participants] == [name for name, _ in rows]
    assert [one.others["Note"] for one in found.participants] == [note.strip() for _, note in rows]


def read_bytes(raw: bytes, name: Path) -> Roster:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(raw)
        return read_roster(Path(folder) / name)


def test_faults_are_told_and_nobody_is_lost(tmp_path: Path) -> None:
    found = roster(
        tmp_path,
        "id,name,email\n"
        "s1,Ada Lovelace,ada@example.org\n"
        "s1,Ada Lovelace,ada@example.org\n"
        "s1,Grace Hopper,grace@example.org\n"
        ",Barbara Liskov,barbara@example.org\n"
        "S1,Katherine Johnson,kj@example.org\n"
        "s5,Frances Allen\n"
        ",,\n"
        "\n"
        "s6,Radia Perlman,radia@example.org,one too many\n",
    )
    assert [one.id for one in found.participants] == [
        "s1",
        "s1 (line 4)",
        "barbara@example.org",
        "S1",
        "s5",
        "s6",
    ]
    sentences = " ".join(finding.sentence for finding in found.remarks)
    for word in ("twice", "line 4", "line 5", "capitals", "short", "long"):
        assert word in sentences


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "is empty"),
        (b"id,name\n", "names nobody"),
        (b"colour,size\nred,3\n", "colour, size; understood are id, name"),
        (b'id,name\ns1,"Ada\ns2,Grace\n', "line 3: unexpected end of data; is a quotation mark"),
        (b"PK\x03\x04", "save it as CSV"),
    ],
)
def test_what_is_no_roster_is_refused_in_a_sentence(tmp_path: Path, raw: bytes, words: str) -> None:
    (tmp_path / "roster.csv").write_bytes(raw)
    with pytest.raises(UsageError, match=words):
        read_roster(tmp_path / "roster.csv")


def test_a_roster_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_roster(tmp_path / "roster.csv")


# Whose it is

CLASS = Register(
    Roster(
        [
            Participant("s1234567", "Ada Lovelace", "ada.lovelace@example.org", "al815"),
            Participant("s2", "Hopper, Grace", "grace@example.org", "gh906"),
            Participant(
                "s3", "Jörg Müller", others={"Identifier": "Participant 4711", "ID": "903"}
            ),
            Participant("s4", "Maria Chen", "chen@a.example.org"),
            Participant("s5", "Maria Chen", "chen@b.example.org"),
            Participant("s6", "José Núñez"),
        ]
    )
)


def whose(text: str, kind: str = "text") -> Match:
    return CLASS.find([Clue(kind, text)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("s1234567", "s1234567"),
        ("S1234567", "s1234567"),
        ("ada.lovelace@example.org", "s1234567"),
        ("ada.lovelace", "s1234567"),
        ("al815", "s1234567"),
        ("Ada Lovelace", "s1234567"),
        ("lovelace_ada", "s1234567"),
        ("ADA-LOVELACE", "s1234567"),
        ("Lovelace, Ada (1)", "s1234567"),
        ("ada_lovelace_2026-11-20_2358", "s1234567"),
        ("Ada Lovelace-2", "s1234567"),
        ("ada_lovelace_final_v2", "s1234567"),
        ("Grace Hopper", "s2"),
        ("hoppergrace", "s2"),
        ("Jo\u0308rg Mu\u0308ller", "s3"),
    ],
)
def test_a_name_that_fits_one_person_is_theirs(text: str, id: str) -> None:
    match = whose(text)
    assert (match.participant and match.participant.id, match.doubt) == (id, "")


@pytest.mark.parametrize(
    ("text", "id"),
    [("Joerg Mueller", "s3"), ("jose nunez", "s6"), ("workshop-al815", "s1234567")],
)
def test_what_fits_only_nearly_is_told(text: str, id: str) -> None:
    match = whose(text)
    assert match.participant is not None
    assert match.participant.id == id
    assert match.doubt


@pytest.mark.parametrize("text", ["Maria Chen", "chen", "al815 and gh906"])
def test_what_fits_two_people_is_guessed_for_nobody(text: str) -> None:
    match = whose(text)
    assert match.participant is None
    assert len(match.several) == 2


@pytest.mark.parametrize("text", ["", "nobody", "s12345678", "a", "..", "Lovelace", "s2-s3"])
def test_what_fits_nobody_is_nobodys(text: str) -> None:
    assert whose(text) == Match(None)


def test_what_a_system_says_is_held_against_its_columns() -> None:
    for clue in ("4711", "903"):
        match = whose(clue, "id")
        assert match.participant is not None
        assert match.participant.id == "s3"


def test_an_id_that_two_lines_have_is_nobodys(tmp_path: Path) -> None:
    twice = roster(tmp_path, "id,name\ns1,Ada Lovelace\ns1,Grace Hopper\n")
    register = Register(twice)
    assert len(register.find([Clue("text", "s1")]).several) == 2
    assert register.find([Clue("text", "Grace Hopper")]).participant == twice.participants[1]


@given(st.text(max_size=40))
def test_no_text_breaks_the_search(text: str) -> None:
    match = whose(text)
    assert match.participant is None or not match.several
