"""The roofline exercise where the logs are not as they are in its solution."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from workshop.judge.judge import ForkServer, fork_server, wait_until_ready
from workshop.learn.exercise import checks_of, exercises
from workshop.learn.run import Outcome, run_checks
from workshop.learn.verify import solved
from workshop.record.readers.ours import read_log
from workshop.record.results import PREFIX, to_json

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


def a_year_later(log: str) -> str:
    """The log with a later beginning in its record."""
    return re.sub(r'("started":")(\d{4})', lambda one: f"{one[1]}{int(one[2]) + 1}", log)


def test_a_missing_log_is_asked_for(folder: Path, server: ForkServer) -> None:
    (folder / "job-tp.out").unlink()
    told = outcomes(folder, server)["a log of every stage"]
    assert "no log of tp beside exercise.py: run 'workshop submit tp'" in told.message


def test_a_run_that_failed_is_no_measurement(folder: Path, server: ForkServer) -> None:
    log = folder / "job-compile.out"
    log.write_text(log.read_text().replace('"status":"ok"', '"status":"failed"'))
    told = outcomes(folder, server)["a log of every stage"]
    assert f"{log.name} has no complete result" in told.message


def test_logs_that_cannot_be_read_are_no_obstacle(folder: Path, server: ForkServer) -> None:
    (folder / "job-compile-99.out").write_bytes(b"\xff\x00 nothing")
    (folder / "job-tp-98.out").mkdir()
    assert {one.status for one in outcomes(folder, server).values()} == {"passed"}


def test_a_run_with_an_option_changed_does_not_count(folder: Path, server: ForkServer) -> None:
    log = folder / "job-compile.out"
    text = log.read_text().replace('"draft_tokens":3', '"draft_tokens":7')
    (folder / "job-compile-99.out").write_text(a_year_later(text))
    assert {one.status for one in outcomes(folder, server).values()} == {"passed"}


def test_the_newest_run_counts(folder: Path, server: ForkServer) -> None:
    log = folder / "job-compile.out"
    (result,) = read_log(log)
    assert result.tokens_per_second is not None
    faster = replace(result, tokens_per_second=2 * result.tokens_per_second)
    head = log.read_text().partition(PREFIX)[0]
    newer = a_year_later(f"{head}{PREFIX}{to_json(faster)}\n")
    (folder / "job-compile-99.out").write_text(newer)
    told = outcomes(folder, server)["measured is what the logs say"]
    assert (told.expected, told.status) == (f"{faster.tokens_per_second:.6g}", "failed")
    assert told.cause == f"that is of {log.name}; the newest plain run is job-compile-99.out"


def test_unanswered_questions_are_named(folder: Path, server: ForkServer) -> None:
    shutil.copy(EXERCISE.folder / "answers.toml", folder / "answers.toml")
    told = outcomes(folder, server)["measured is what the logs say"]
    assert told.message == "measured_baseline in answers.toml has no answer yet"


def test_answers_that_cannot_be_read_are_told(folder: Path, server: ForkServer) -> None:
    (folder / "answers.toml").write_text("measured_baseline = = 3")
    assert "answers cannot be read" in outcomes(folder, server)["predicted is the roof"].message
