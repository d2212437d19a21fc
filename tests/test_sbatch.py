"""What sbatch answers: the number of the job, whatever a site prints around it.

submitit 1.5.4 takes the first "job N" of sbatch's output for the job, also out of a site's own
message (SlurmExecutor._get_job_id_from_submission_command; findings/submitit-sbatch-banner.sh).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import fake_slurm
import pytest

from workshop.slurm.job.sbatch import NoNumberError, RefusedError, job_number, number_in


@pytest.mark.parametrize(
    ("output", "number"),
    [
        ("Submitted batch job 4242", "4242"),
        ("Submitted batch job 4242 on cluster lumi\n", "4242"),
        ("4242", "4242"),
        ("4242;lumi\n", "4242"),
        ("lua: user has 3 GPU; last job 99 was OK\nSubmitted batch job 4242\n", "4242"),
        ("Submitted batch job 4242\n\n  Your job 7 is cheaper at night.\n", "4242"),
        ("\x1b[1mWelcome\x1b[0m\nSubmitted batch job 4242\n", "4242"),
        ("", None),
        ("Granted", None),
        ("last job 99 was OK", None),
        ("99\nno number here", None),
    ],
)
def test_a_banner_is_not_the_number(output: str, number: str | None) -> None:
    assert number_in(output) == number


def sbatch_that(tmp_path: Path, script: str) -> list[str]:
    return [str(fake_slurm.install(tmp_path, {"sbatch": script}) / "sbatch"), "job.sh"]


def test_bytes_that_are_no_utf8_lose_no_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = r"printf '\xe9t\xe9\n'; printf '\xe9\x1b]0;x\x07\n' >&2; echo Submitted batch job 702"
    assert job_number(sbatch_that(tmp_path, script), os.environ) == "702"
    assert "\x1b" not in capsys.readouterr().err


def test_a_refusal_has_both_streams(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        job_number(
            sbatch_that(tmp_path, "echo why; echo sbatch: error: no >&2; exit 1"), os.environ
        )
    assert (caught.value.output, caught.value.errors) == ("why", "sbatch: error: no")


def test_an_answer_without_a_number_is_no_refusal(tmp_path: Path) -> None:
    with pytest.raises(NoNumberError, match="Granted"):
        job_number(sbatch_that(tmp_path, "echo Granted"), os.environ)


def test_a_job_that_may_wait_is_told_and_its_directory_stays(tmp_path: Path) -> None:
    programs = fake_slurm.install(tmp_path, {"sbatch": "echo Granted"})
    runs = tmp_path / "runs"
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "WORKSHOP_RUNS": str(runs),
    }
    command = [sys.executable, "-m", "workshop", "submit", "baseline"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Error: sbatch answered 'Granted', which has no job number in it" in done.stderr
    assert "squeue --me" in done.stderr
    assert "there is no Slurm" not in done.stderr
    assert len(list(runs.iterdir())) == 1
