"""Rubrics: what a teacher may write, what is refused and how, and what points come of it."""

from __future__ import annotations

import contextlib
import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop.grading.penalty import minutes_late, rule_in_words, share_lost
from workshop.grading.points import exercise_grade
from workshop.grading.records import CheckGrade, ExerciseGrade
from workshop.grading.rubric import (
    ExerciseRubric,
    Late,
    Rubric,
    Shares,
    default_rubric,
    example,
    only,
    read_rubric,
)
from workshop.util.errors import UsageError

KNOWN = ("napkin", "measure", "compile", "quantize", "speculative")
DUE = datetime.datetime(2026, 11, 20, 23, 59, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)
WANTED = "[[logs.wanted]]\nexercise = 'compile'\nstage = 'compile'\n"


def read(tmp_path: Path, text: str) -> Rubric:
    path = tmp_path / "rubric.toml"
    path.write_text(text, encoding="utf-8")
    return read_rubric(path, KNOWN)


def test_the_example_is_a_rubric(tmp_path: Path) -> None:
    rubric = read(tmp_path, example())
    assert list(rubric.exercises) == list(KNOWN)
    assert rubric.due_of("quantize") != rubric.due_of("napkin") == rubric.due
    assert [wanted.measure for wanted in rubric.logs.wanted] == ["ratio", "mbu"]
    assert list(rubric.thresholds) == ["passed", "good", "excellent"]


def test_nothing_need_be_said(tmp_path: Path) -> None:
    assert read(tmp_path, "") == default_rubric(KNOWN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("titel = 'x'", "there is no key titel; there are title, due"),
        ("[late]\nper_week = 1", "there is no key late.per_week; there are per_day, most"),
        ("[exercises.napkin]\npoint = 1", "there is no key exercises.napkin.point; there are po"),
        ("[exercises.napkni]", "exercises.napkni: there is no such exercise; there are napkin"),
        ("[exercises.napkin]\npoints = -1", "exercises.napkin.points: expected `float` > 0"),
        ("[exercises.napkin]\npoints = inf", "exercises.napkin.points is inf"),
        ("[exercises.napkin]\npoints = 1\nweight = 2", "points and weight: give one of the two"),
        ("due = 2026-11-20T23:59:00", "due has no offset from UTC"),
        ("due = 2026-11-20", "due: expected"),
        ("attempt = 'first'", "attempt: invalid enum value 'first'; there are best, last"),
        ("[late]\nper_day = 0.1", "nothing says what is late: give due"),
        ("[late]\nper_day = 10", "late.per_day: expected `float` <= 1"),
        ("[shares]", "shares are all 0"),
        ("[thresholds]\na = 0.5\nb = 0.5", "need the same: 0.5"),
        (WANTED + "bands = []", "logs.wanted[0].bands: expected `array` of length >= 1"),
        (WANTED, "logs.wanted[0] lacks bands"),
        (
            WANTED + "bands = [{at_least = 1.2, share = 0.5}, {at_least = 1.5, share = 1.0}]",
            "at_least = 1.5 (share 1) stands after 1.2 (share 0.5): they go from the best down",
        ),
        (
            WANTED.replace("stage = 'compile'", "stage = 'complie'")
            + "bands = [{at_least = 1.2, share = 0.5}]",
            "logs.wanted[0].stage is 'complie'; there are baseline, compile",
        ),
        (
            WANTED + "measure = 'mbu'\nbands = [{at_least = 60.0, share = 0.5}]",
            "write 0.6 for 60 %",
        ),
        (
            "[exercises.napkin]\n" + WANTED + "bands = [{at_least = 1.2, share = 0.5}]",
            "logs.wanted[0].exercise is 'compile', which this rubric does not grade",
        ),
        ("points =", "cannot be read as TOML"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        read(tmp_path, text)
    assert said in str(error.value)
    assert "rubric.toml" in str(error.value)


@given(st.text())
def test_whatever_stands_there_it_is_a_rubric_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(UsageError):
        assert read_rubric(path, KNOWN).exercises


def test_only_some_exercises(tmp_path: Path) -> None:
    rubric = only(read(tmp_path, example()), ["compile"])
    assert list(rubric.exercises) == ["compile"]
    assert [wanted.exercise for wanted in rubric.logs.wanted] == ["compile"]
    with pytest.raises(UsageError, match="'tp' is not graded; those that are: compile"):
        only(rubric, ["tp"])


def test_each_day_begun_costs_the_same_up_to_the_most() -> None:
    late = Late(per_day=0.1, most=0.25, grace_minutes=10)
    assert minutes_late(DUE + 10 * MINUTE, DUE, late) == 0
    assert minutes_late(None, DUE, late) == 0
    assert minutes_late(DUE + 11 * MINUTE, DUE, late) == 11
    assert [share_lost(minutes, late) for minutes in (0, 11, 24 * 60, 24 * 60 + 1, 10**6)] == [
        0, 0.1, 0.1, 0.2, 0.25,
    ]  # fmt: skip


def test_a_due_time_is_a_moment_whatever_zone_it_is_written_in() -> None:
    elsewhere = DUE.astimezone(datetime.timezone(datetime.timedelta(hours=-7)))
    assert minutes_late(elsewhere + 5 * MINUTE, DUE, Late()) == 5


CHECKS = [
    CheckGrade("check", "a", "passed", 3, 3),
    CheckGrade("check", "b", "failed", 0, 1),
    CheckGrade("hidden", "c", "passed", 2, 2),
    CheckGrade("answer", "d", "failed", 0.5, 1),
]


def graded(rubric: Rubric, late: datetime.timedelta = 0 * MINUTE) -> ExerciseGrade:
    return exercise_grade("napkin", True, CHECKS, rubric, DUE + late)


def rubric_for(one: ExerciseRubric = ExerciseRubric(), **more: object) -> Rubric:  # noqa: B008
    return Rubric(exercises={"napkin": one}, due=DUE, **more)  # type: ignore[arg-type]


def test_points_add_up_and_are_scaled_or_weighted() -> None:
    assert (graded(rubric_for()).points, graded(rubric_for()).max_points) == (5.5, 7)
    scaled = graded(rubric_for(ExerciseRubric(points=14)))
    assert (scaled.points, scaled.max_points) == (11, 14)
    weighted = graded(rubric_for(ExerciseRubric(weight=0.5)))
    assert (weighted.points, weighted.max_points) == (2.75, 3.5)


def test_shares_are_of_the_parts_that_are_there() -> None:
    shares = Shares(checks=50, hidden=30, answers=20, logs=100)  # and there are no logs
    grade = graded(rubric_for(ExerciseRubric(points=100), shares=shares))
    assert grade.points == 50 * 3 / 4 + 30 + 20 / 2
    with pytest.raises(UsageError, match="nothing to what napkin has"):
        graded(rubric_for(shares=Shares(logs=1)))


def test_lateness_takes_its_share_of_what_was_reached() -> None:
    rubric = rubric_for(late=Late(per_day=0.2))
    grade = graded(rubric, 25 * 60 * MINUTE)
    assert (grade.minutes_late, grade.penalty, grade.score) == (25 * 60, 2.2, 3.3)


@given(
    st.lists(st.tuples(st.sampled_from(["check", "hidden", "answer", "log"]),
                       st.floats(0, 1), st.integers(1, 9)), max_size=8),
    st.one_of(st.none(), st.builds(Shares, *[st.floats(0.1, 9)] * 4)),
    st.integers(0, 10**5),
)  # fmt: skip
def test_a_score_is_never_below_nothing_nor_above_all(
    drawn: list[tuple[str, float, int]], shares: Shares | None, minutes: int
) -> None:
    checks = [
        CheckGrade(kind, str(i), "passed", part * most, most)  # type: ignore[arg-type]
        for i, (kind, part, most) in enumerate(drawn)
    ]
    rubric = rubric_for(shares=shares, late=Late(per_day=0.3))
    grade = exercise_grade("napkin", True, checks, rubric, DUE + minutes * MINUTE)
    assert 0 <= grade.score <= grade.points <= grade.max_points + 0.01


@pytest.mark.parametrize(
    ("minutes", "late", "rule"),
    [
        (25 * 60, Late(per_day=0.1), "2 days begun × 10 %"),
        (1, Late(per_day=0.125), "1 day begun × 12.5 %"),
        (6 * 24 * 60, Late(per_day=0.1, most=0.5), "6 days begun × 10 %, at most 50 %"),
        (5 * 24 * 60, Late(per_day=0.1, most=0.5), "5 days begun × 10 %"),
        (0, Late(per_day=0.1), ""),
        (90, Late(), ""),
    ],
)
def test_what_lateness_costs_is_told_as_a_rule(minutes: float, late: Late, rule: str) -> None:
    assert rule_in_words(minutes, late) == rule
