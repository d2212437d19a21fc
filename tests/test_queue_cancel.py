"""``workshop cancel`` says what went and what did not; and commands while Slurm is silent."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import pytest
from answering_slurm import AnsweringSlurm, answering_slurm

from workshop.slurm import runs
from workshop.slurm.queue.cancelling import CancelError, cancel
from workshop.slurm.queue.follow import look
from workshop.slurm.queue.jobstate import GONE, JobState
from workshop.slurm.queue.squeue import QueueError
from workshop.slurm.queue.submitted import SubmittedJob
from workshop.stages import settings_of

OLD = "2026-01-01T00:00:00+00:00"
RUNNING = "{job}|RUNNING|0:10|n01|N/A|None"


@pytest.fixture
def slurm(tmp_path: Path) -> AnsweringSlurm:
    found = answering_slurm(tmp_path)
    found.answer("scancel", [])
    return found


def scancel(slurm: AnsweringSlurm, script: str) -> None:
    """Put a shell script in place of scancel; ``$last`` is the job."""
    path = slurm.place / "bin" / "scancel"
    path.write_text(
        f'#!/bin/bash\nlast="${{@: -1}}"\necho "$last" >> {slurm.place}/cancelled\n{script}\n'
    )
    path.chmod(0o755)


def test_a_job_that_scancel_did_not_touch_is_not_called_cancelled(slurm: AnsweringSlurm) -> None:
    slurm.submitted("7")
    slurm.answer("squeue", [RUNNING.format(job=7)])
    done = slurm.workshop("cancel", "-y", "7")
    assert done.returncode == 1
    assert "Cancelled" not in done.stdout
    assert "not cancelled: 7 (baseline): after scancel it is RUNNING" in done.stderr


@pytest.mark.parametrize("after", ["CANCELLED", "COMPLETING"])
def test_a_job_that_goes_is_cancelled(slurm: AnsweringSlurm, after: str) -> None:
    slurm.submitted("7")
    slurm.answer("squeue", [RUNNING.format(job=7)])
    scancel(slurm, f"sed -i s/RUNNING/{after}/ {slurm.place}/bin/squeue.txt")
    done = slurm.workshop("cancel", "-y", "7")
    assert (done.returncode, done.stdout) == (0, "Cancelled: 7 (baseline)\n")


def test_all_are_tried_whatever_becomes_of_the_first(slurm: AnsweringSlurm) -> None:
    for job in (7, 8, 9):
        slurm.submitted(str(job))
    slurm.answer("squeue", [RUNNING.format(job=job) for job in (7, 8, 9)])
    scancel(
        slurm,
        r'[ "$last" = 7 ] && { printf "\033]0;x\007scancel: error: caf\351 denied\n" >&2; exit 1; }'
        f'\nsed -i "s/^$last|RUNNING/$last|CANCELLED/" {slurm.place}/bin/squeue.txt',
    )
    done = slurm.workshop("cancel", "--all", "-y")
    assert sorted((slurm.place / "cancelled").read_text().split()) == ["7", "8", "9"]
    assert done.returncode == 1
    assert done.stdout.startswith("Cancelled: ")
    assert {"8 (baseline)", "9 (baseline)"} == set(done.stdout[11:-1].split(", "))
    assert "not cancelled: 7 (baseline): scancel: error: caf" in done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert "\x07" not in done.stderr


def job(submitted: str = OLD) -> SubmittedJob:
    run = runs.Run(settings_of("baseline"), "x", "/nowhere/x-%j", submitted, "x", ("7",))
    return SubmittedJob("7", run, Path("/nowhere"))


def cancelled(first: str, *later: str | None, refuses: bool = False) -> tuple[str, str]:
    """Where the job ended up, and why; None of the later looks is a silent Slurm."""
    looks: list[str | None] = [first, *later]

    def ask(ids: Collection[str]) -> dict[str, JobState]:
        state = looks.pop(0) if len(looks) > 1 else looks[0]
        if state is None:
            raise QueueError("Slurm does not answer")
        return {"7": JobState("7", state)}

    def stop(one: SubmittedJob) -> None:
        if refuses:
            raise CancelError("permission denied")

    before = look([job()], ask)
    done = cancel([job()], before, stop, ask, pause=lambda seconds: None)
    if done.gone:
        return "gone", ""
    ((_, why),) = done.ended or done.left
    return ("ended" if done.ended else "left"), why


def test_what_became_of_a_job_is_looked_at_again() -> None:
    assert cancelled("RUNNING", "RUNNING", "RUNNING", "CANCELLED")[0] == "gone"
    assert cancelled("RUNNING", GONE)[0] == "gone"
    assert cancelled("RUNNING", None, "CANCELLED")[0] == "gone"
    assert cancelled("RUNNING", "COMPLETED")[0] == "ended"
    assert cancelled("RUNNING", None) == (
        "left",
        "scancel was run, and then: Slurm does not answer",
    )
    assert cancelled("RUNNING", "RUNNING", refuses=True) == ("left", "permission denied")
    assert cancelled("RUNNING", "CANCELLED", refuses=True)[0] == "gone"
    assert "does not show it" in cancelled(GONE)[1]


def test_a_job_that_is_not_shown_right_after_its_submission_is_not_called_ended(
    slurm: AnsweringSlurm,
) -> None:
    slurm.submitted("7")
    done = slurm.workshop("cancel", "-y", "7")
    assert done.returncode == 1
    assert "Slurm does not show it" in done.stderr
    slurm.submitted("8", when=OLD)
    assert "Nothing to cancel" in slurm.workshop("cancel", "-y", "8").stdout


# While Slurm does not answer

SILENT = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"


def silent(slurm: AnsweringSlurm, times: int, then: str) -> None:
    """Let squeue fail so many times, and then print a row."""
    path = slurm.place / "bin" / "squeue"
    path.write_text(
        f"#!/bin/sh\necho squeue >> {slurm.place}/calls\n"
        f"if [ $(grep -c squeue {slurm.place}/calls) -le {times} ]; then\n"
        f"echo '{SILENT}' >&2; exit 1; fi\necho '{then}'\n"
    )
    path.chmod(0o755)


def test_status_shows_what_is_known_and_the_error(slurm: AnsweringSlurm) -> None:
    directory = slurm.submitted("6")
    runs.save_end(directory, runs.Ended("6", "FAILED", "NonZeroExitCode", 5, "n\x1b[31m01"))
    slurm.submitted("7")
    silent(slurm, 99, "")
    done = slurm.workshop("status")
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert "UNKNOWN" in done.stdout
    assert "\x1b" not in done.stdout
    assert "Slurm does not answer (slurm_load_jobs error" in done.stderr
    done = slurm.workshop("status", "--json")
    assert done.returncode == 1
    found = {(view["state"], view["ok"]) for view in json.loads(done.stdout)}
    assert found == {("FAILED", False), ("UNKNOWN", None)}


def test_status_of_jobs_that_have_all_ended_needs_no_slurm(slurm: AnsweringSlurm) -> None:
    runs.save_end(slurm.submitted("6"), runs.Ended("6", "FAILED"))
    silent(slurm, 99, "")
    assert slurm.workshop("status").returncode == 0


def test_watching_bears_one_silence(slurm: AnsweringSlurm) -> None:
    slurm.submitted("7")
    silent(slurm, 1, "7|FAILED|0:10|n01|N/A|NonZeroExitCode")
    done = slurm.workshop("status", "--watch")
    assert done.returncode == 0
    assert "trying again" in done.stderr
    assert "FAILED" in done.stdout


def test_following_a_log_prints_it_first_and_bears_one_silence(slurm: AnsweringSlurm) -> None:
    slurm.submitted("7")
    slurm.log("7").write_text("a line\n")
    silent(slurm, 1, "7|FAILED|0:10|n01|N/A|NonZeroExitCode")
    done = slurm.workshop("logs", "-f", "7")
    assert (done.returncode, done.stdout) == (0, "a line\n")
    assert done.stderr.count("trying again") == 1
