"""What the doctor says where Slurm hides something, excludes somebody, or is silent."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from answering_slurm import AnsweringSlurm, answering_slurm
from doctor_parts import A100, asking, hours, only, reserved

from workshop.slurm.doctor import about_request, expired
from workshop.slurm.doctor import reservation as of_reservation
from workshop.slurm.doctor.account import about_account
from workshop.slurm.doctor.entry import about_accounts
from workshop.slurm.facts.access import User
from workshop.util.user import user

NONE = "No reservations in the system"


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AnsweringSlurm:
    import os

    found = answering_slurm(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    return found


def shown(slurm: AnsweringSlurm, text: str, code: int = 0) -> None:
    """What scontrol prints of reservations."""
    slurm.answer("scontrol", [text], code)


@pytest.mark.parametrize(("text", "code"), [("", 0), ("", 1), ("Welcome!", 0), (NONE, 1)])
def test_reservations_that_are_not_shown_are_a_doubt_and_not_over(
    slurm: AnsweringSlurm, text: str, code: int
) -> None:
    shown(slurm, text, code)
    assert of_reservation.reservations() is None
    assert expired.expired("edu20") == []
    doubts = [one for one in about_request(asking(gpus_per_node=0), [A100]) if one.level == "doubt"]
    assert "Slurm does not show its reservations" in only(doubts).what


@pytest.mark.parametrize("text", [NONE, f"Welcome!\n{NONE}"])
def test_that_there_are_no_reservations_is_an_answer(slurm: AnsweringSlurm, text: str) -> None:
    shown(slurm, text)
    assert of_reservation.reservations() == []
    assert expired.expired("edu20") == ["edu20"]
    found = about_request(asking(gpus_per_node=0), [A100])
    assert any("there is no reservation 'edu20'" in one.what for one in found)


# Times with a zone


@pytest.mark.parametrize(("ends", "level"), [(-1.0, "problem"), (0.1, "warning"), (5.0, "ok")])
@pytest.mark.parametrize("zone", ["Z", "+00:00", "-05:00"])
def test_times_may_have_an_offset(ends: float, level: str, zone: str) -> None:
    there = datetime.timezone(datetime.timedelta(hours=-5 if zone.startswith("-") else 0))
    when = datetime.datetime.now(there) + datetime.timedelta(hours=ends)
    text = f"{when:%Y-%m-%dT%H:%M:%S}{zone}"
    one = reserved(start=hours(-2), end=text)
    finding = only(of_reservation.about_reservation(asking(time=60), [one]))
    assert finding.level == level
    assert expired.over("edu20", [one]) is (ends < 0)


@pytest.mark.parametrize(
    "text", ["Unknown", "", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:00"]
)
def test_a_time_that_cannot_be_is_none(text: str) -> None:
    assert of_reservation.moment(text) is None


# Who is excluded


@pytest.mark.parametrize(
    ("fields", "words", "todo"),
    [
        ({"users": (f"-{user()}",)}, f"excludes the users {user()}", "whether that is intended"),
        ({"users": ("-eve", f"-{user()}")}, f"excludes the users {user()}", "intended"),
        ({"accounts": ("-mine",)}, "excludes the accounts mine", "use another --account"),
        ({"accounts": ("-above",)}, "excludes the accounts above", "use another --account"),
        ({"users": ("-eve", "bob")}, "(it is for the users bob)", "add you"),
    ],
)
def test_who_is_kept_out_is_said(fields: dict[str, tuple[str, ...]], words: str, todo: str) -> None:
    me = User(user(), (), (("mine", ""),), "mine", above={"mine": ("above", "root")})
    finding = only(of_reservation.about_reservation(asking(), [reserved(**fields)], (), me))
    assert finding.level == "doubt"
    assert words in finding.what
    assert todo in (finding.todo or "")
    assert "-" + user() not in finding.what


def test_whoever_is_not_kept_out_is_let_in() -> None:
    finding = only(of_reservation.about_reservation(asking(), [reserved(users=("-eve",))]))
    assert finding.level == "ok"


# sacctmgr


def test_a_silent_sacctmgr_is_said() -> None:
    me = User("alice", (), silence="sacctmgr did not answer within 20 seconds")
    finding = only(about_account(asking(), me))
    assert finding.level == "doubt"
    assert finding.what.startswith("sacctmgr did not answer")


def test_a_subaccount_of_an_account_that_is_let_in_is_let_in() -> None:
    import dataclasses

    place = dataclasses.replace(A100, accounts=("above",))
    me = User("alice", (), (("mine", ""),), "mine", above={"mine": ("above",)})
    assert about_accounts(asking(account="mine"), place, me) == []
    assert about_accounts(asking(account="mine"), place, User("alice", (), (("mine", ""),), "mine"))
