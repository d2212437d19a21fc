"""A log that another job of the same number has left is never taken for a job's own.

A new sandbox counts jobs from 1, and Slurm appends to a log that is there.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from answering_slurm import AnsweringSlurm, answering_slurm

from workshop.record import results
from workshop.record.results import PREFIX, Result, SlurmJob
from workshop.slurm import runs
from workshop.slurm.queue.joblog import JobLog
from workshop.stages import settings_of

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
FAILED = "workshop: setup failed (exit code 1): module load CUDA/99\n"


@pytest.fixture
def slurm(tmp_path: Path) -> AnsweringSlurm:
    slurm = answering_slurm(tmp_path)
    slurm.answer("squeue", ["7|PENDING|0:00||N/A|Priority"])
    slurm.answer("sbatch", ["Submitted batch job 7"])
    slurm.answer("srun", [])
    return slurm


def written(job_id: str = "7", started: datetime = NOW, speed: float = 12.5) -> str:
    """The log of a job that succeeded."""
    result = Result(
        "baseline",
        "ok",
        settings=settings_of("baseline"),
        tokens_per_second=speed,
        started=started.isoformat(timespec="seconds"),
        slurm=SlurmJob(job_id),
    )
    return f"Stage: baseline\nAn old line\n{PREFIX}{results.to_json(result)}\n"


def aged(path: Path, text: str, age: timedelta = HOUR) -> Path:
    """A file that was written so long ago."""
    path.write_text(text)
    when = time.time() - age.total_seconds()
    os.utime(path, (when, when))
    return path


def view_of(slurm: AnsweringSlurm, *names: str) -> dict[str, Any]:
    (view,) = json.loads(slurm.workshop("status", "--json", *names).stdout)
    return view


@pytest.mark.parametrize("age", [timedelta(), HOUR])
def test_an_earlier_log_is_not_the_log_of_a_job_that_was_just_submitted(
    slurm: AnsweringSlurm, age: timedelta
) -> None:
    log = aged(slurm.log("7"), written(), age)
    done = slurm.workshop("submit", "baseline", "--json")
    assert done.returncode == 0, done.stderr
    waiting = slurm.workshop("logs", "7")
    assert waiting.returncode == 1
    assert f"{log} is the log of an earlier job" in waiting.stderr
    assert "job 7 is PENDING" in waiting.stderr
    assert waiting.stdout == ""
    slurm.answer("squeue", ["7|COMPLETED|0:10|n1|N/A|None"])
    view = view_of(slurm, "7")
    assert (view["ok"], view["tokens_per_second"]) == (False, None)
    assert view["words"] != "done"


def test_what_a_job_appends_to_an_earlier_log_is_its_own(slurm: AnsweringSlurm) -> None:
    log = aged(slurm.log("7"), written())
    slurm.workshop("submit", "baseline", "--json")
    with log.open("a") as file:
        file.write(FAILED)
    assert slurm.workshop("logs", "7").stdout == FAILED
    slurm.answer("squeue", ["7|FAILED|0:10|n1|N/A|NonZeroExitCode"])
    view = view_of(slurm, "7")
    assert view["tokens_per_second"] is None
    assert "module load CUDA/99" in view["words"]
    with log.open("a") as file:  # it starts again
        file.write(written(started=NOW + HOUR, speed=20.0))
    assert view_of(slurm, "7")["tokens_per_second"] == 20.0


def test_results_says_whose_part_of_a_log_is_whose(slurm: AnsweringSlurm) -> None:
    log = aged(slurm.log("7"), written())
    slurm.workshop("submit", "baseline", "--json")
    earlier = slurm.workshop("results", log.name)
    assert "this is the log of an earlier job of the same number: job 7" in earlier.stderr
    with log.open("a") as file:
        file.write(FAILED)
    both = slurm.workshop("results", log.name)
    assert "the first part is the log of an earlier job" in both.stderr
    assert "module load CUDA/99" in both.stderr
    assert slurm.workshop("results", "--json", log.name).stdout.startswith("[")


def test_results_has_nothing_to_say_of_a_log_that_one_job_has_written(
    slurm: AnsweringSlurm,
) -> None:
    slurm.submitted("7", earlier={})
    slurm.log("7").write_text(written())
    assert slurm.workshop("results", slurm.log("7").name).stderr == ""


def test_a_reservation_that_ended_in_an_earlier_log_says_nothing_of_this_job(
    slurm: AnsweringSlurm,
) -> None:
    reason = "slurmstepd: error: *** REASON: Reservation cls, which this job was running under, "
    size = slurm.log("7").write_text(f"{reason}has ended ***\n")
    slurm.submitted("7", earlier={"7": size})
    with slurm.log("7").open("a") as file:
        file.write("Stage: baseline\n")
    slurm.answer("squeue", ["7|TIMEOUT|10:00|n1|N/A|TimeLimit"])
    assert view_of(slurm, "7")["words"] == "the job reached its time limit"


def test_a_job_that_a_reservation_ended_is_not_advised_to_ask_for_time(
    slurm: AnsweringSlurm,
) -> None:
    slurm.submitted("7")
    reason = "error: *** REASON: Reservation cls, which this job was running under, has ended ***"
    slurm.log("7").write_text(
        f"Stage: baseline\n[13895] error: *** JOB 7 ON n1 CANCELLED AT 2026-07-13T18:42:28 DUE TO "
        f"TIME LIMIT ***\n[13895] {reason}\nsrun: error: n1: task 0: Terminated\n"
    )
    slurm.answer("squeue", ["7|TIMEOUT|2:20|n1|N/A|TimeLimit"])
    done = slurm.workshop("status")
    assert "the reservation cls ended" in done.stdout
    assert "more time" not in done.stdout


@pytest.mark.parametrize("end", ["7|COMPLETED|0:10|n1|N/A|None", ""])
@pytest.mark.parametrize(
    ("text", "age"),
    [
        (written(), HOUR),  # nobody has written to it since
        (written(started=NOW - 2 * HOUR), timedelta()),  # measured before it was submitted
        (written("6"), timedelta()),  # another job's
    ],
    ids=["old", "measured before", "another number"],
)
def test_a_log_of_which_nothing_was_noted_is_told_by_its_age_and_its_record(
    slurm: AnsweringSlurm, text: str, age: timedelta, end: str
) -> None:
    slurm.submitted("7", when=(NOW - HOUR / 2).isoformat())
    aged(slurm.log("7"), text, age)
    slurm.answer("squeue", [end])
    view = view_of(slurm, "7")
    assert (view["ok"], view["tokens_per_second"]) == (False, None)


def test_of_two_runs_with_one_number_the_later_is_meant(slurm: AnsweringSlurm) -> None:
    first = written(started=NOW - HOUR, speed=10.0)
    old = slurm.submitted("7", when=(NOW - 2 * HOUR).isoformat(timespec="seconds"))
    old.rename(old.with_name("20200101-000000-baseline-000000"))
    slurm.submitted("7", earlier={"7": len(first)})
    slurm.log("7").write_text(first + written(started=NOW + HOUR, speed=20.0))
    slurm.answer("squeue", ["7|COMPLETED|0:10|n1|N/A|None"])
    assert view_of(slurm, "7")["tokens_per_second"] == 20.0
    assert view_of(slurm, "baseline")["tokens_per_second"] == 20.0
    assert slurm.workshop("logs", "7").stdout.count("An old line") == 1
    views = json.loads(slurm.workshop("status", "--json", "--all").stdout)
    assert [view["tokens_per_second"] for view in views] == [10.0, 20.0]
    assert [view["state"] for view in views] == ["GONE", "COMPLETED"]


def test_the_same_number_on_another_cluster_is_another_job(slurm: AnsweringSlurm) -> None:
    directory = slurm.submitted("7")
    ((_, run),) = runs.every(slurm.place / "runs")
    runs.save(directory, dataclasses.replace(run, cluster="elsewhere"))
    slurm.submitted("7")
    views = json.loads(slurm.workshop("status", "--json", "--all").stdout)
    assert [view["state"] for view in views] == ["PENDING", "PENDING"]


def test_a_log_that_was_written_anew_is_the_jobs_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "job-baseline-7.out"
    path.write_text(written(started=NOW + HOUR))
    log = JobLog(path, "7", NOW.isoformat(), start=10**6)
    result = log.result()
    assert result is not None
    assert result.tokens_per_second == 12.5


def test_an_empty_log_of_a_job_that_runs_is_there(slurm: AnsweringSlurm) -> None:
    slurm.submitted("7", earlier={})
    slurm.log("7").touch()
    done = slurm.workshop("logs", "7")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("job-%j.out", "job-7.out"), ("%A_%a.out", "7_.out"), ("a[1]*?-%j-100%%", "a[1]*?-7-100%")],
)
def test_logs_that_a_pattern_may_name_are_found_whatever_is_in_it(
    pattern: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("1234")
    (tmp_path / "other").write_text("12345")
    there = runs.logs_there(str(tmp_path / pattern))
    assert there == {str(tmp_path / name): 4}
    assert runs.earlier_logs(there, str(tmp_path / pattern), ["7", "8"]) == {"7": 4}
