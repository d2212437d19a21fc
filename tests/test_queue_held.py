"""Jobs that only a person can let start: nobody waits for them for ever."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest
from answering_slurm import AnsweringSlurm, answering_slurm

from workshop.slurm import runs
from workshop.slurm.queue.follow import SubmittedJob, View, wait
from workshop.slurm.queue.jobstate import JobState
from workshop.stages import settings_of

HELD = [
    ("RESV_DEL_HOLD", "Reservation cls was deleted", "'scontrol release 7' lets it run"),
    ("PENDING", "JobHeldUser", "'scontrol release 7'"),
    ("PENDING", "JobHeldAdmin", "support"),
    ("PENDING", "DependencyNeverSatisfied", "never start"),
    ("PENDING", "BadConstraints", "--constraint"),
    ("SPECIAL_EXIT", "job requeued in special exit state", "'scontrol release 7'"),
    ("REQUEUE_HOLD", "None", "'scontrol release 7'"),
]


@pytest.fixture
def slurm(tmp_path: Path) -> AnsweringSlurm:
    return answering_slurm(tmp_path)


def job(job_id: str, after: str | None = None) -> SubmittedJob:
    run = runs.Run(settings_of("baseline"), "x", "/nowhere/x-%j", runs.now(), "x", (job_id,), after)
    return SubmittedJob(job_id, run, Path("/nowhere"))


def waited(jobs: Sequence[SubmittedJob], *looks: dict[str, JobState]) -> list[View]:
    """Wait while Slurm answers so; the last answer stays."""
    answers = [*looks]

    def ask(ids: Collection[str]) -> dict[str, JobState]:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    return wait(jobs, ask=ask, pause=lambda seconds: None)


def pending(job_id: str, reason: str) -> JobState:
    return JobState(job_id, "PENDING", reason)


@pytest.mark.parametrize(("state", "reason", "words"), HELD)
def test_wait_ends_where_only_a_person_can_let_a_job_start(
    slurm: AnsweringSlurm, state: str, reason: str, words: str
) -> None:
    slurm.submitted("7")
    slurm.answer("squeue", [f"7|{state}|0:00||N/A|{reason}"])
    done = slurm.workshop("wait", "7")
    assert done.returncode == 1
    assert words in done.stderr
    assert "Not waiting any longer for 7" in done.stderr
    assert "running" not in done.stderr


def test_logs_of_a_held_job_say_so_and_do_not_wait(slurm: AnsweringSlurm) -> None:
    slurm.submitted("7")
    slurm.answer("squeue", ["7|RESV_DEL_HOLD|0:00||N/A|Reservation cls was deleted"])
    for options in ([], ["-f"]):
        done = slurm.workshop("logs", *options, "7")
        assert done.returncode == 1
        assert "there is no log yet" in done.stderr
        assert "its reservation is over" in done.stderr


def test_status_tells_programs_what_a_start_takes(slurm: AnsweringSlurm) -> None:
    slurm.submitted("7")
    for reason, outlook in (
        ("JobHeldUser", "held"), ("AssocGrpCPUMinutesLimit", "blocked"), ("Priority", "waits"),
    ):  # fmt: skip
        slurm.answer("squeue", [f"7|PENDING|0:00||N/A|{reason}"])
        (view,) = json.loads(slurm.workshop("status", "--json").stdout)
        assert (view["outlook"], view["ok"]) == (outlook, None)
    slurm.answer("squeue", ["7|SUSPENDED|1:00|n01|N/A|None"])
    (view,) = json.loads(slurm.workshop("status", "--json").stdout)
    assert view["outlook"] is None
    assert view["words"].startswith("suspended")


def test_the_others_are_waited_for_first() -> None:
    held = pending("7", "JobHeldUser")
    views = waited(
        [job("7"), job("8")],
        *[{"7": held, "8": JobState("8", "RUNNING")}] * 5,
        {"7": held, "8": JobState("8", "FAILED")},
    )
    assert [view.ended for view in views] == [False, True]


def test_a_chain_behind_a_held_job_is_not_waited_for() -> None:
    chain = [job("9", after="8"), job("7"), job("8", after="7"), job("10", after="7_0")]
    answers = {"7": pending("7", "JobHeldAdmin")}
    answers |= {one: pending(one, "Dependency") for one in ("8", "9")}
    views = waited(chain[:3], answers)
    assert not any(view.ended for view in views)


def test_a_job_that_is_released_meanwhile_is_waited_for() -> None:
    looks = [pending("7", "JobHeldUser"), pending("7", "Priority"), pending("7", "JobHeldUser")]
    done = JobState("7", "FAILED")
    (view,) = waited([job("7")], *({"7": look} for look in (*looks, done)))
    assert view.ended


def test_a_limit_that_keeps_a_job_waiting_is_said_and_waited_for() -> None:
    (view,) = waited(
        [job("7")],
        *[{"7": pending("7", "AssocGrpCPUMinutesLimit")}] * 10,
        {"7": JobState("7", "FAILED")},
    )
    assert view.ended


def test_who_only_reads_the_output_learns_that_a_job_will_not_start(
    slurm: AnsweringSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal nothing else is printed before a job ends."""
    from workshop.cli.follow import wait_until_ended
    from workshop.slurm.queue import follow

    looks = [pending("7", "Priority"), pending("7", "QOSMaxGRESPerJob"), JobState("7", "FAILED")]
    said: list[str] = []

    def wait_for(jobs: Sequence[SubmittedJob], on_change: object) -> list[View]:
        views = [follow.view(job("7"), look) for look in looks]
        for view in views:
            on_change(view)  # type: ignore[operator]
        return views[-1:]

    monkeypatch.setattr(follow, "wait", wait_for)
    monkeypatch.setattr("workshop.cli.follow.click.echo", lambda text, err: said.append(text))
    assert wait_until_ended([job("7")]) == 1
    assert [line.split(",")[0] for line in said] == ["baseline 7: PENDING", "baseline 7: FAILED"]
    assert "will not start as it is" in said[0]
