"""The job's reservation: is it there, mine, long enough, on the partition's nodes, or over?"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from doctor_parts import CPU, asking, hours, only, reserved

from workshop.slurm.doctor import expired
from workshop.slurm.doctor import reservation as of_reservation
from workshop.slurm.facts.inventory import Partition, Reservation
from workshop.slurm.job.request import Request


@pytest.mark.parametrize(
    ("request_", "reservation", "level", "said"),
    [
        (asking(), reserved(), "ok", "edu20 is active, and yours"),
        (asking(reservation="edu2O"), reserved(), "problem", "(did you mean edu20?)"),
        (asking(reservation="x"), reserved(), "problem", "you can see edu20; to wait in the ord"),
        (asking(), reserved(users=("eve",)), "doubt", "does not name you (it is for the users eve"),
        (asking(account="me"), reserved(accounts=("edu20",)), "doubt", "the accounts edu20"),
        (asking(), reserved(accounts=("edu20",)), "ok", "is active"),
        (asking(nodes=4), reserved(), "problem", "has 3 nodes, and 4 were asked for"),
        (asking(nodes=4), reserved(flexible=True), "ok", "is active"),
        (asking(), reserved(start=hours(3)), "warning", "edu20 starts at "),
        (asking(time=60), reserved(end=hours(0.5)), "warning", "and the job asks for 60"),
        (asking(time=60), reserved(end=hours(0.5)), "warning", "or less, or leave it out"),
        (asking(time=60), reserved(end=hours(0.5), flexible=True), "ok", "is active"),
        (asking(), reserved(start=hours(3), flexible=True), "ok", "is active"),
        (asking(), reserved(end=hours(-1)), "problem", "edu20 is over since "),
        (asking(), reserved(end=hours(-1), flags=frozenset({"DAILY"})), "ok", "is active"),
        (asking(), reserved(flags=frozenset({"TIME_FLOAT"})), "problem", "moving into the future"),
        (asking(), reserved(groups=("no_such_group",)), "doubt", "the groups no_such_group"),
        (asking(qos="long"), reserved(qos=("edu",)), "doubt", "use another --qos"),
        (asking(qos="edu"), reserved(qos=("edu",)), "ok", "is active"),
        (asking(cpus_per_task=8), reserved(cpus=4), "problem", "use --set cpus_per_task=4"),
        (asking(reservation="edu20,x"), reserved(), "problem", "there is no reservation 'x'"),
        (asking(reservation="edu20,"), reserved(), "ok", "the reservation edu20 is active"),
    ],
)
def test_the_reservation_is_looked_at(
    request_: Request, reservation: Reservation, level: str, said: str
) -> None:
    finding = only(of_reservation.about_reservation(request_, [reservation]))
    assert finding.level == level
    assert said in finding.sentence


def test_of_several_reservations_one_that_fits_is_enough() -> None:
    there = [reserved(), reserved(name="small", count=1), reserved(name="later", start=hours(2))]
    both = asking(reservation="small,edu20", nodes=2)
    assert only(of_reservation.about_reservation(both, there)).what.startswith("the reservations ")
    neither = asking(reservation="small,later", nodes=2)
    assert "small has 1 node" in only(of_reservation.about_reservation(neither, there)).what


def test_a_reservation_that_slurm_does_not_show_because_it_is_silent_is_no_finding() -> None:
    assert of_reservation.about_reservation(asking(), None) == []


def placed(name: str, nodes: str, **fields: Any) -> Partition:
    return dataclasses.replace(CPU, name=name, nodes=nodes, **fields)


PLACES = [placed("a100", "sim[04-05]", default=True), placed("mig", "sim[01-03]")]
CLOSED = placed("owners", "sim[01-03]", up=False)


@pytest.mark.parametrize(
    ("request_", "reservation", "level", "said"),
    [
        (asking(), reserved(nodes="sim[03-05]"), "ok", "is active"),
        (asking(), reserved(nodes="sim03"), "problem", "of the partition mig, and the job is for "
         "the partition a100: use --partition mig"),
        (asking(), reserved(nodes="sim03", partition="mig"), "problem", "use --partition mig"),
        (asking(partition=None), reserved(nodes="sim03", partition="mig"), "ok", "is active"),
        (asking(partition=None), reserved(nodes="sim03"), "problem", "use --partition mig"),
        (asking(partition="a100,mig"), reserved(nodes="sim03"), "ok", "is active"),
        (asking(), reserved(nodes="sim03", flexible=True), "ok", "is active"),
        (asking(), reserved(nodes="", flags=frozenset({"ANY_NODES"})), "ok", "is active"),
        (asking(), reserved(nodes="sim[", partition="mig"), "problem", "use --partition mig"),
        (asking(), reserved(nodes="sim[04-05]", partition="mig"), "ok", "is active"),
        # as 26.05 prints them
        (asking(), reserved(nodes="sim[01-05]", partitions=("mig",)), "problem", "mig"),
        (asking(), reserved(nodes="sim[01-05]", partitions=("-a100",)), "problem", "mig"),
        (asking(), reserved(nodes="sim[01-05]", partitions=("a100",)), "ok", "is active"),
    ],
)  # fmt: skip
def test_a_reservation_is_for_the_partition_that_has_its_nodes(
    request_: Request, reservation: Reservation, level: str, said: str
) -> None:
    there = [*PLACES, CLOSED]
    finding = only(of_reservation.about_reservation(request_, [reservation], there))
    assert finding.level == level
    assert said in finding.sentence


@pytest.mark.parametrize(
    ("reservation", "place"),
    [
        (reserved(nodes="sim03", partition="mig"), "mig"),
        (reserved(nodes="sim[03-04]", partition="mig"), None),  # the description's has some
        (reserved(nodes="sim03"), None),  # nobody knows which
        (reserved(nodes="sim[01-05]", partition="mig", partitions=("mig",)), "mig"),
        (reserved(nodes="sim03", partition="mig", flexible=True), None),
    ],
)
def test_the_reservations_own_partition_takes_the_place_of_the_descriptions(
    reservation: Reservation, place: str | None
) -> None:
    found = of_reservation.partition_instead("edu20", "a100", [reservation], PLACES)
    assert found == place


@pytest.mark.parametrize(
    ("name", "there", "over"),
    [
        ("class2", ["class1"], ["class2"]),
        ("class2", ["class1", "class3", "edu20"], ["class2"]),
        ("AI_workshop_1", ["AI_workshop_2"], ["AI_workshop_1"]),
        ("day-a", ["day-b"], ["day-a"]),
        ("classA", ["classB"], ["classA"]),
        ("class-mon", ["class-tue"], ["class-mon"]),
        ("lab_Monday", ["lab_Tuesday"], ["lab_Monday"]),
        ("2026-11-29", ["2026-11-30"], ["2026-11-29"]),
        ("lastyear", ["edu20"], ["lastyear"]),
        ("lastyear", [], ["lastyear"]),
        ("edu2O", ["edu20"], []),
        ("clas1", ["class1"], []),
        ("class1x", ["class1"], []),
        ("calss1", ["class1"], []),
        ("Class1", ["class1"], []),
        ("class1", ["class1"], []),
        ("class1,class2", ["class2"], ["class1"]),
    ],
)
def test_days_of_a_class_are_no_slips_of_the_pen(
    monkeypatch: pytest.MonkeyPatch, name: str, there: list[str], over: list[str]
) -> None:
    monkeypatch.setattr(expired, "reservations", lambda: [reserved(name=one) for one in there])
    assert expired.expired(name) == over


def test_a_reservation_that_is_still_listed_after_its_end_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expired, "reservations", lambda: [reserved(end=hours(-1))])
    assert expired.expired("edu20") == ["edu20"]


def test_nothing_is_over_where_slurm_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expired, "reservations", lambda: None)
    assert expired.expired("lastyear") == []
