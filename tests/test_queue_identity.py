"""Whether a job that Slurm shows is the one that was submitted, and on which cluster to ask."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from answering_slurm import AnsweringSlurm, answering_slurm

from workshop.slurm import runs
from workshop.slurm.queue import squeue
from workshop.slurm.queue.follow import look
from workshop.slurm.queue.jobstate import GONE, JobState
from workshop.slurm.queue.ownership import is_label_of
from workshop.slurm.queue.reasons import outcome
from workshop.slurm.queue.submitted import SubmittedJob, jobs_of
from workshop.stages import settings_of

ME = getpass.getuser()


@pytest.fixture
def slurm(tmp_path: Path) -> AnsweringSlurm:
    return answering_slurm(tmp_path)


def viewed(slurm: AnsweringSlurm) -> dict[str, object]:
    (view,) = json.loads(slurm.workshop("status", "--json").stdout)
    return dict(view)


@pytest.mark.parametrize(
    ("label", "ours"),
    [
        (f"{ME}|workshop-baseline", True),
        (f"{os.getuid()}|workshop-baseline", True),
        ("|workshop-baseline", True),  # accounting that shows no user
        (f"half of a reason|{ME}|workshop-baseline", True),
        (f"{ME}|other", False),
        ("mallory|workshop-baseline", False),
        (f"{ME}|workshop-baseline|2", False),
        (f"{ME}|workshop-base", False),
        (f"x{ME}|workshop-baseline", False),
    ],
)
def test_a_job_is_ours_by_its_user_and_its_name(label: str, ours: bool) -> None:
    assert is_label_of("workshop-baseline", label, (ME, str(os.getuid()))) is ours


def test_a_name_with_pipes_is_compared_whole() -> None:
    assert is_label_of("a|b", f"{ME}|a|b", (ME,))
    assert not is_label_of("a", f"{ME}|a|b", (ME,))
    assert not is_label_of("b", f"{ME}|a|b", (ME,))


def test_where_the_system_knows_no_user_the_name_decides() -> None:
    assert is_label_of("mine", "nobody|mine", ())
    assert not is_label_of("mine", "nobody|other", ())


@pytest.mark.parametrize("row", ["RUNNING|0:10|n01", "CANCELLED|0:10|n01", "COMPLETED|0:10|n01"])
@pytest.mark.parametrize("label", [f"{ME}|other", "mallory|workshop-baseline", f"{ME}|oth|er"])
def test_another_job_of_the_same_number_is_not_ours_and_not_saved(
    slurm: AnsweringSlurm, row: str, label: str
) -> None:
    directory = slurm.submitted("7")
    slurm.answer("squeue", [f"7|{row}|N/A|None|{label}"])
    view = viewed(slurm)
    assert view["state"] == GONE
    assert "another one" in str(view["words"])
    assert view["elapsed_seconds"] is None
    assert not (directory / "7.state.json").exists()


def test_accounting_may_know_another_job_of_the_same_number(slurm: AnsweringSlurm) -> None:
    directory = slurm.submitted("7")
    slurm.answer("sacct", [f"7|COMPLETED|61|sim01|0:0|None|{ME}|other"])
    assert viewed(slurm)["state"] == GONE
    assert not (directory / "7.state.json").exists()
    slurm.answer("sacct", [f"7|FAILED|61|sim01|1:0|None|{ME}|workshop-baseline"])
    assert viewed(slurm)["state"] == "FAILED"
    assert (directory / "7.state.json").exists()


def test_our_own_job_is_shown_as_before(slurm: AnsweringSlurm) -> None:
    slurm.submitted("7")
    slurm.answer("squeue", [f"7|PENDING|0:00||N/A|Priority|{ME}|workshop-baseline"])
    assert viewed(slurm)["state"] == "PENDING"


def test_another_job_is_never_cancelled_or_waited_for(slurm: AnsweringSlurm) -> None:
    slurm.submitted("7")
    slurm.answer("scancel", [])
    slurm.answer("squeue", ["7|RUNNING|0:10|n01|N/A|None|mallory|x"])
    assert "Nothing to cancel" in slurm.workshop("cancel", "-y", "7").stdout
    assert "scancel" not in slurm.calls
    assert slurm.workshop("wait", "7").returncode == 1


def test_the_question_asks_for_user_and_name() -> None:
    assert squeue.SQUEUE[-1].endswith("|%r|%u|%j")
    assert squeue.SACCT[-1].endswith(",Reason,User,JobName")


def test_another_jobs_end_has_words_of_its_own() -> None:
    assert "another one" in outcome(JobState("7", GONE, "AnothersNumber"))[0]


# Several clusters


def run_on(cluster: str | None, *jobs: str) -> runs.Run:
    return runs.Run(
        settings_of("baseline"), "x", "/nowhere/%j", runs.now(), "site", jobs,
        slurm_cluster=cluster,
    )  # fmt: skip


def test_a_run_without_a_recorded_cluster_can_still_be_read(tmp_path: Path) -> None:
    directory = runs.new_directory(tmp_path, "baseline")
    runs.save(directory, run_on("north", "7"))
    whole = json.loads((directory / runs.RECORD).read_bytes())
    assert whole.pop("slurm_cluster") == "north"
    (directory / runs.RECORD).write_text(json.dumps(whole))
    ((_, run),) = runs.every(tmp_path)
    assert run.slurm_cluster is None


@pytest.mark.parametrize(
    ("recorded", "shell", "asked"),
    [
        ("north", None, ["--clusters=north"]),
        ("north", "south", ["--clusters=north"]),
        ("", "south", []),
        (None, "south", ["--clusters=south"]),
        (None, None, []),
    ],
)
def test_the_cluster_that_a_job_was_submitted_to_is_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recorded: str | None,
    shell: str | None,
    asked: list[str],
) -> None:
    program = tmp_path / "squeue"
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" "in:$SLURM_CLUSTERS" > {tmp_path}/args\n'
        f'echo "7|PENDING|0:00||N/A|Priority|{ME}|x"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("SLURM_CLUSTERS", raising=False)
    if shell is not None:
        monkeypatch.setenv("SLURM_CLUSTERS", shell)
    (view,) = look([SubmittedJob("7", run_on(recorded, "7"), tmp_path)])
    words = (tmp_path / "args").read_text().splitlines()
    assert view.state == "PENDING"
    assert [word for word in words if word.startswith("--clusters")] == asked
    assert words[-1] == "in:"


def test_numbers_of_two_clusters_are_two_jobs(tmp_path: Path) -> None:
    north, south = run_on("north", "7"), run_on("south", "7")
    jobs = jobs_of([(tmp_path / "a", north), (tmp_path / "b", south)])
    assert [job.later for job in jobs] == [None, None]
    questions: list[Collection[str]] = []

    def ask(ids: Collection[str]) -> dict[str, JobState]:
        questions.append(ids)
        return {"7": JobState("7", "PENDING" if len(questions) == 1 else "RUNNING")}

    assert [view.state for view in look(jobs, ask)] == ["PENDING", "RUNNING"]
    assert questions == [["7"], ["7"]]


def test_a_submission_records_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fake_slurm import install

    programs = install(tmp_path)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setenv("WORKSHOP_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("SLURM_CLUSTERS", "north")
    done = subprocess.run(
        [sys.executable, "-m", "workshop", "submit", "baseline"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ((_, run),) = runs.every(tmp_path / "runs")
    assert run.slurm_cluster == "north"


def test_a_job_that_the_federation_gave_away_is_not_saved(slurm: AnsweringSlurm) -> None:
    directory = slurm.submitted("7")
    slurm.answer("squeue", ["7|REVOKED|0:00||N/A|None"])
    assert viewed(slurm)["state"] == "REVOKED"
    assert not (directory / "7.state.json").exists()
    runs.save_end(directory, runs.Ended("7", "REVOKED"))
    slurm.answer("squeue", ["7|RUNNING|0:10|n01|N/A|None"])
    assert viewed(slurm)["state"] == "RUNNING"
