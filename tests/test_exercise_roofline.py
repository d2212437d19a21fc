"""The roofline exercise where the logs are not as they are in its solution."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop.judge.judge import ForkServer, fork_server, wait_until_ready
from workshop.learn.exercise import checks_of, exercises
from workshop.learn.run import Outcome, run_checks
from workshop.learn.verify import solved

EXERCISE = exercises()["roofline"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    with fork_server(tmp_path_factory.mktemp("home")) as started:
        wait_until_ready(started)
        yield started


@pytest.fixture
def folder() -> Iterator[Path]:
    with solved(EXERCISE) as place:
        yield place


def outcomes(folder: Path, server: ForkServer) -> dict[str, Outcome]:
    checks = checks_of(EXERCISE)
    found = run_checks(EXERCISE.name, checks, folder / "exercise.py", None, server, seed=1)
    return {outcome.check: outcome for outcome in found}


def test_a_missing_log_is_asked_for(folder: Path, server: ForkServer) -> None:
    next(folder.glob("job-tp-*.out")).unlink()
    told = outcomes(folder, server)["a log of every stage"]
    assert "no log of tp beside exercise.py: run 'workshop submit tp'" in told.message


def test_a_run_that_failed_is_no_measurement(folder: Path, server: ForkServer) -> None:
    log = next(folder.glob("job-compile-*.out"))
    log.write_text(log.read_text().replace('"status":"ok"', '"status":"failed"'))
    told = outcomes(folder, server)["a log of every stage"]
    assert f"{log.name} has no complete result" in told.message


def test_logs_that_cannot_be_read_are_no_obstacle(folder: Path, server: ForkServer) -> None:
    (folder / "job-compile-99.out").write_bytes(b"\xff\x00 nothing")
    (folder / "job-tp-98.out").mkdir()
    assert {one.status for one in outcomes(folder, server).values()} == {"passed"}


def test_a_run_with_an_option_changed_does_not_count(folder: Path, server: ForkServer) -> None:
    log = next(folder.glob("job-compile-*.out"))
    text = log.read_text().replace('"draft_tokens":3', '"draft_tokens":7')
    (folder / "job-compile-99.out").write_text(text.replace("2026-11-21T", "2027-11-21T"))
    assert {one.status for one in outcomes(folder, server).values()} == {"passed"}


def test_the_newest_run_counts(folder: Path, server: ForkServer) -> None:
    log = next(folder.glob("job-compile-*.out"))
    newer = log.read_text().replace("2026-11-21T", "2027-11-21T")
    head, _, record = newer.partition("WORKSHOP-RESULT ")
    record = record.replace('"tokens_per_second":507.7', '"tokens_per_second":807.7')
    (folder / "job-compile-99.out").write_text(f"{head}WORKSHOP-RESULT {record}")
    told = outcomes(folder, server)["measured is what the logs say"]
    assert (told.expected, told.status) == ("807.712", "failed")
    assert told.cause == f"that is of {log.name}; the newest plain run is job-compile-99.out"


def test_unanswered_questions_are_named(folder: Path, server: ForkServer) -> None:
    shutil.copy(EXERCISE.folder / "answers.toml", folder / "answers.toml")
    told = outcomes(folder, server)["measured is what the logs say"]
    assert told.message == "measured_baseline in answers.toml has no answer yet"


def test_answers_that_cannot_be_read_are_told(folder: Path, server: ForkServer) -> None:
    (folder / "answers.toml").write_text("measured_baseline = = 3")
    assert "answers cannot be read" in outcomes(folder, server)["predicted is the roof"].message
