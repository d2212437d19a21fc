"""What one person handed in, run: checks seen and unseen, predictions, whatever it does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from grading_parts import FILES, SOLUTION, STARTER, sums_order, write

from workshop.grading import store
from workshop.grading.attempt import (
    GradingJob,
    Loaded,
    Order,
    Ran,
    digests,
    do,
    loaded,
    run_exercise,
)
from workshop.grading.attempt import code_digests as code_of
from workshop.grading.records import CheckGrade, Participant
from workshop.judge.server import ForkServer, room

ADA = Participant("ada")


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with room() as started:
        yield started


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Order:
    return sums_order(tmp_path_factory.mktemp("sums"))


@pytest.fixture(scope="module")
def task(order: Order) -> Loaded:
    return loaded(order)["sums"]


def ran(
    task: Loaded, server: ForkServer, folder: Path, code: str | None, answers: str | None = None
) -> Ran:
    files = {"exercise.py": code, "answers.toml": answers}
    write(folder, {name: text for name, text in files.items() if text is not None})
    return run_exercise(task, folder, server, seed=1)


def told(grades: list[CheckGrade]) -> list[tuple[str, str, str, float]]:
    return [(one.kind, one.name, one.status, one.points) for one in grades]


def test_a_solution_gets_everything(task: Loaded, server: ForkServer, tmp_path: Path) -> None:
    grades = ran(task, server, tmp_path, SOLUTION, "half = 0.5").checks
    assert told(grades) == [
        ("check", "doubling", "passed", 2),
        ("check", "doubling twice", "passed", 1),
        ("check", "adding", "passed", 1),
        ("hidden", "doubling what is below zero", "passed", 2),
        ("hidden", "adding nothing", "passed", 1),
        ("answer", "answer: half", "passed", 1),
    ]


def test_what_is_wrong_is_told_with_its_cause_and_a_hint(
    task: Loaded, server: ForkServer, tmp_path: Path
) -> None:
    grades = ran(task, server, tmp_path, SOLUTION.replace("2 * x", "x * x"), "half = 0.54").checks
    assert (grades[0].message, grades[0].cause) == ("the double is off", "that is the square")
    assert grades[0].hint == "A number and itself."
    assert (grades[1].status, grades[1].message) == ("skipped", "needs 'doubling' first")
    assert (grades[3].kind, grades[3].status) == ("hidden", "failed")
    assert (grades[5].points, grades[5].message) == (0.5, "nearly right")


def test_what_only_knows_the_visible_inputs_fails_the_hidden_checks(
    task: Loaded, server: ForkServer, tmp_path: Path
) -> None:
    grades = ran(task, server, tmp_path, SOLUTION.replace("2 * x", "2 * abs(x)")).checks
    assert [one.status for one in grades if one.kind == "check"] == ["passed"] * 3
    assert [one.status for one in grades if one.kind == "hidden"] == ["failed", "passed"]


def test_nothing_done_and_nothing_handed_in_are_told_apart(
    task: Loaded, server: ForkServer, tmp_path: Path
) -> None:
    missing = ran(task, server, tmp_path / "a", None)
    starter = FILES["exercises/sums/answers.toml"]
    untouched = ran(task, server, tmp_path / "b", STARTER, starter)
    only_answers = ran(task, server, tmp_path / "c", None, "half = 0.5")
    assert [one.handed_in for one in (missing, untouched, only_answers)] == [False, True, True]
    assert {one.message for one in missing.checks} == {"nothing of this exercise was handed in"}
    assert untouched.checks[0].message == "this is as it was handed out"
    assert untouched.checks[-1].message == "no answer yet"
    assert only_answers.checks[0].message == "there is no exercise.py"
    assert sum(one.points for one in only_answers.checks) == 1
    of_all = [[one.name for one in some.checks] for some in (missing, untouched, only_answers)]
    assert of_all[0] == of_all[1] == of_all[2]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os\nos._exit(0)\n", "the process left before it answered"),
        ("def double(x:\n", "SyntaxError"),
        ("raise SystemExit\n", "SystemExit"),
        (SOLUTION.replace("2 * x", "{'a': [x]}"), "not a number"),
        (SOLUTION.replace("2 * x", "float('nan')"), "nan"),
    ],
)
def test_broken_code_fails_and_the_next_is_graded_as_ever(
    task: Loaded, server: ForkServer, tmp_path: Path, code: str, said: str
) -> None:
    grades = ran(task, server, tmp_path / "broken", code).checks
    assert said in grades[0].message
    assert grades[0].points == 0
    assert ran(task, server, tmp_path / "next", SOLUTION).checks[0].status == "passed"


def test_an_endless_loop_is_not_waited_for_again_and_again(
    server: ForkServer, tmp_path: Path
) -> None:
    """The first check that meets it has its whole time, the next two a fifth, the rest none."""
    task = loaded(sums_order(tmp_path, seconds=1))["sums"]
    result = ran(task, server, tmp_path / "loop", "while True:\n    pass\n")
    messages = [one.message for one in result.checks if one.kind != "answer"]
    assert "not done after 1 seconds" in messages[0]
    assert "needs 'doubling' first" in messages[1]
    assert "not done after 0.2 seconds" in messages[2]
    assert "not done after 0.2 seconds" in messages[3]
    assert "not run" in messages[4]


def test_what_comes_after_an_endless_loop_is_checked_all_the_same(
    server: ForkServer, tmp_path: Path
) -> None:
    """In a fifth of the time, which is long all the same."""
    task = loaded(sums_order(tmp_path, seconds=5))["sums"]
    half = "import time\n" + SOLUTION.replace("return 2 * x", "time.sleep(1234)")
    ran_half = ran(task, server, tmp_path / "half", half).checks
    assert [one.status for one in ran_half if "adding" in one.name] == ["passed", "passed"]
    assert any("not done after 5 seconds" in one.message for one in ran_half)


@pytest.mark.parametrize(
    "answers",
    ["half = [", "half = true", "half = 1" + "0" * 400, "half = nan"],
)
def test_no_answer_stops_the_grading(
    task: Loaded, server: ForkServer, tmp_path: Path, answers: str
) -> None:
    grades = ran(task, server, tmp_path, None, answers).checks
    assert told(grades)[-1] == ("answer", "answer: half", "failed", 0)
    assert grades[-1].message


def job_for(order: Order, folder: Path, number: int = 1) -> GradingJob:
    return GradingJob(ADA, folder, number, digests(folder, number, order, code_of(order)))


def test_all_parts_of_a_job_are_kept(order: Order, server: ForkServer, tmp_path: Path) -> None:
    job = job_for(order, write(tmp_path, {"sums/exercise.py": SOLUTION}))
    do(job, order, loaded(order), server)
    kept = store.stored(order.work, job.exercises["sums"], Ran)
    assert kept is not None
    assert [one.status for one in kept.checks] == ["passed"] * 5 + ["failed"]


def test_a_digest_is_of_all_that_the_result_depends_on(order: Order, tmp_path: Path) -> None:
    folder = write(tmp_path, {"sums/exercise.py": SOLUTION, "job-1.out": "x"})
    first = job_for(order, folder)
    write(folder, {"job-1.out": "y"})
    assert job_for(order, folder) == first
    assert job_for(order, folder, number=2).exercises != first.exercises
    write(folder, {"sums/exercise.py": STARTER})
    assert job_for(order, folder).exercises != first.exercises
