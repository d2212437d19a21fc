"""A job that Slurm does not show for a moment: when to believe that it is gone."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

import pytest
from answering_slurm import answering_slurm

from workshop.slurm import runs
from workshop.slurm.job.executor import QueueWatcher
from workshop.slurm.queue import squeue
from workshop.slurm.queue.follow import View, wait
from workshop.slurm.queue.jobstate import GONE, JobState
from workshop.slurm.queue.missing import LOOKS, SPREAD, Missing, is_young
from workshop.slurm.queue.squeue import QueueError
from workshop.slurm.queue.submitted import SubmittedJob
from workshop.slurm.queue.watched import Watched
from workshop.stages import settings_of

OLD = "2026-01-01T00:00:00+00:00"


def job(submitted: str) -> SubmittedJob:
    run = runs.Run(settings_of("baseline"), "x", "/nowhere/x-%j", submitted, "x", ("7",))
    return SubmittedJob("7", run, Path("/nowhere"))


class Answers:
    """One answer for each look, the last for all that follow; and how long the looks took."""

    def __init__(self, *states: str) -> None:
        self.states, self.looks, self.waited = [*states], 0, 0.0

    def __call__(self, ids: Collection[str]) -> dict[str, JobState]:
        self.looks += 1
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"7": JobState("7", state)}

    def pause(self, seconds: float) -> None:
        self.waited += seconds


def waited_for(submitted: str, answers: Answers) -> View:
    (view,) = wait([job(submitted)], ask=answers, pause=answers.pause)
    return view


def test_a_young_job_is_gone_after_looks_that_are_spread_over_two_minutes() -> None:
    answers = Answers(GONE)
    assert waited_for(runs.now(), answers).state == GONE
    assert SPREAD <= answers.waited <= SPREAD + 20
    assert answers.looks >= LOOKS


def test_a_young_job_that_appears_is_waited_for() -> None:
    assert waited_for(runs.now(), Answers(GONE, GONE, "PENDING", GONE, "FAILED")).state == "FAILED"


def test_an_old_job_that_nobody_saw_is_gone_at_once() -> None:
    answers = Answers(GONE)
    assert waited_for(OLD, answers).state == GONE
    assert (answers.looks, answers.waited) == (1, 0.0)


def test_an_old_job_that_was_there_a_moment_ago_is_not_gone_at_once() -> None:
    assert waited_for(OLD, Answers("RUNNING", GONE, "RUNNING", "FAILED")).state == "FAILED"
    answers = Answers("RUNNING", GONE)
    assert waited_for(OLD, answers).state == GONE
    assert answers.waited >= SPREAD


def test_a_job_is_missed_from_anew_after_it_was_seen() -> None:
    missing = Missing()
    times = (0.0, 60.0, 119.0)
    assert [missing.is_gone("7", runs.now(), now) for now in times] == [False] * 3
    missing.found("7")
    assert not missing.is_gone("7", runs.now(), 130.0)
    assert not missing.is_gone("7", runs.now(), 251.0)
    assert missing.is_gone("7", runs.now(), 252.0)


@pytest.mark.parametrize("when", ["", "yesterday", OLD, "9999-01-01T00:00:00+00:00"])
def test_what_was_not_submitted_just_now_is_not_young(when: str) -> None:
    assert not is_young(when)


def test_wait_right_after_submission_goes_on(tmp_path: Path) -> None:
    import subprocess

    slurm = answering_slurm(tmp_path)
    slurm.submitted("7")
    with pytest.raises(subprocess.TimeoutExpired):
        slurm.workshop("wait", "7", timeout=8)
    assert slurm.calls.count("squeue") >= 2


def test_submitits_jobs_are_gone_as_late(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(squeue, "states", lambda ids: {"7": JobState("7", GONE)})
    watcher = QueueWatcher()
    watcher.register_job("7")
    for _ in range(LOOKS + 1):
        watcher.update()
        assert not watcher.is_done("7", mode="cache")
    clock[0] += SPREAD
    watcher.update()
    assert watcher.is_done("7", mode="cache")


# Looking at one job while its log is printed


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def watched(answers: list[str | None]) -> tuple[Watched, Clock, list[str]]:
    def ask(ids: Collection[str]) -> dict[str, JobState]:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer is None:
            raise QueueError("Slurm does not answer")
        return {"7": JobState("7", answer)}

    clock, notices = Clock(), list[str]()
    return Watched(job(runs.now()), notices.append, ask, clock), clock, notices


def test_what_is_there_already_comes_before_the_first_question() -> None:
    one, clock, _ = watched(["FAILED"])
    assert not one.over()
    clock.now += 0.1
    assert one.over()


def test_a_controller_that_is_silent_for_a_while_is_one_notice() -> None:
    one, clock, notices = watched([None, None, "RUNNING", None, "FAILED"])
    overs = []
    for _ in range(5):
        clock.now += 20
        overs.append(one.over())
    assert overs == [False, False, False, False, True]
    assert notices == ["Slurm does not answer; trying again"] * 2


def test_a_controller_that_stays_silent_is_given_up() -> None:
    one, clock, _ = watched([None])
    for _ in range(60):
        clock.now += 1
        assert not one.over()
    clock.now += 60
    with pytest.raises(QueueError):
        one.over()


def test_a_watched_job_is_gone_as_late() -> None:
    one, clock, _ = watched([GONE])
    while not one.over():
        clock.now += 1
    assert SPREAD <= clock.now <= SPREAD + 10
