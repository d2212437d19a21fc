"""A log of a job that has not ended is no failed run, and is not told as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from answering_slurm import answering_slurm

from workshop.slurm import runs
from workshop.slurm.queue import unfinished
from workshop.slurm.queue.jobstate import JobState
from workshop.slurm.queue.squeue import QueueError


def answering(state: str, asked: list[str]) -> unfinished.Ask:
    def ask(job_ids: Iterable[str]) -> Mapping[str, JobState]:
        asked.extend(job_ids)
        return {job_id: JobState(job_id, state) for job_id in asked}

    return ask


@pytest.mark.parametrize(
    ("state", "notes"),
    [
        ("RUNNING", ["job 7 is RUNNING, so its log is not complete yet"]),
        ("PENDING", ["job 7 is PENDING, so its log is not complete yet"]),
        ("FAILED", []),
        ("GONE", []),
    ],
)
def test_a_log_that_still_grows_is_told(tmp_path: Path, state: str, notes: list[str]) -> None:
    slurm = answering_slurm(tmp_path)
    slurm.submitted("6")
    slurm.submitted("7")
    asked: list[str] = []
    found = unfinished.notes([slurm.log("7")], tmp_path / "runs", answering(state, asked))
    assert [*found] == [f"{slurm.log('7')}: {note}" for note in notes]
    assert asked == ["7"]


def test_a_job_whose_end_is_known_is_not_asked_for(tmp_path: Path) -> None:
    slurm = answering_slurm(tmp_path)
    runs.save_end(slurm.submitted("7"), runs.Ended("7", "FAILED"))
    asked: list[str] = []
    found = unfinished.notes([slurm.log("7")], tmp_path / "runs", answering("RUNNING", asked))
    assert [*found] == []
    assert asked == []


def test_a_slurm_that_does_not_answer_is_no_trouble(tmp_path: Path) -> None:
    slurm = answering_slurm(tmp_path)
    slurm.submitted("7")

    def ask(job_ids: Iterable[str]) -> Mapping[str, JobState]:
        raise QueueError("no answer")

    assert [*unfinished.notes([slurm.log("7")], tmp_path / "runs", ask)] == []
