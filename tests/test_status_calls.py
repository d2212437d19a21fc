"""``status`` of many jobs asks Slurm once: squeue for all, sacct for those that it forgot."""

from __future__ import annotations

import json
from pathlib import Path

from answering_slurm import answering_slurm

JOBS = [str(number) for number in range(1001, 1301)]


def test_status_of_300_jobs_is_one_question(tmp_path: Path) -> None:
    slurm = answering_slurm(tmp_path)
    for job in JOBS:
        slurm.submitted(job)
    slurm.answer("squeue", [f"{job}|PENDING|0:00||N/A|Priority" for job in JOBS])
    views = json.loads(slurm.workshop("status", "--json").stdout)
    assert len(views) == 300
    assert slurm.calls == ["squeue"]


def test_what_squeue_forgot_is_one_more(tmp_path: Path) -> None:
    slurm = answering_slurm(tmp_path)
    for job in JOBS:
        slurm.submitted(job)
    slurm.answer("squeue", [f"{job}|RUNNING|0:10|n1|N/A|None" for job in JOBS[:100]])
    slurm.answer("sacct", [f"{job}|FAILED|10|n1|1:0|None" for job in JOBS[100:]])
    views = json.loads(slurm.workshop("status", "--json").stdout)
    assert [view["state"] for view in views].count("FAILED") == 200
    assert slurm.calls == ["squeue", "sacct"]
    slurm.workshop("status")
    assert slurm.calls == ["squeue", "sacct", "squeue"], "how they ended is known now"
