"""Submitting to a real Slurm from a shell that has options of Slurm in its environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from patience import wait_for
from slurm import slurm, state
from test_submit import EAGER, QUICK, Workshop, command_in, only_result, status, submitted

from workshop.slurm.sandbox import Sandbox

# As some centres set at login.
NOTHING = {"SBATCH_EXPORT": "NONE"}
HOSTILE = {
    "SBATCH_TIMELIMIT": "1",
    "SBATCH_PARTITION": "nope",
    "SLURM_EXPORT_ENV": "NONE",
    "SLURM_LABELIO": "1",
    "SLURM_NTASKS": "7",
    "SLURM_CPU_BIND": "nonsense",
    "SLURM_EXIT_ERROR": "0",
    "SLURM_TIME_FORMAT": "%s",
    "SLURM_BITSTR_LEN": "1",
    "SQUEUE_FORMAT": "%j",
    "SQUEUE_USERS": "daemon",
    "SINFO_PARTITION": "nope",
    "SCANCEL_INTERACTIVE": "1",
}


@pytest.fixture
def workshop(sandbox: Sandbox, tmp_path: Path) -> Workshop:
    """The command in an empty directory, with runs of its own."""
    return command_in(sandbox, tmp_path)


def test_jobs_run_where_a_site_lets_sbatch_pass_nothing_on(
    sandbox: Sandbox, workshop: Workshop
) -> None:
    one = submitted(workshop("submit", *EAGER, "--json", **NOTHING))
    two = submitted(workshop("submit", "tp", "--nodes", "2", "--no-compile", *QUICK, "--json",
                             **NOTHING))  # fmt: skip
    assert workshop("wait", **NOTHING).returncode == 0
    assert only_result(one["logs"][0]).status == "ok"
    assert only_result(two["logs"][0]).world_size == 2
    script = slurm(sandbox, "scontrol", "write", "batch_script", one["job"], "-").stdout
    assert "# Set by the shell that submitted: SBATCH_EXPORT=NONE" in script


def test_a_rendered_script_hands_on_what_it_sets_up(
    sandbox: Sandbox, workshop: Workshop, tmp_path: Path
) -> None:
    description = (sandbox.directory / "etc" / "workshop.toml").read_text()
    own = tmp_path / "own.toml"
    own.write_text(
        f'{description}\n[environment]\npython = "mypython"\n'
        f'setup = ["export PATH={tmp_path}/bin:$PATH"]\n'
    )
    program = tmp_path / "bin" / "mypython"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    workshop("render", *EAGER, "--cluster", "own.toml")
    # What sbatch sets in a job that is submitted with --export=NONE; it would also have slurmd run
    # "su -", for which a busy machine is too slow.
    sbatch = ["sbatch", "--parsable", "baseline.slurm"]
    nothing = {"SLURM_EXPORT_ENV": "NONE"}
    number = slurm(sandbox, *sbatch, cwd=tmp_path, env=nothing).stdout.strip()
    log = tmp_path / f"job-baseline-{number}.out"
    wait_for(lambda: state(sandbox, number) not in ("PENDING", "RUNNING", "COMPLETING"))
    assert only_result(log).status == "ok"


def test_options_in_the_environment_change_neither_the_job_nor_what_is_read(
    sandbox: Sandbox, workshop: Workshop
) -> None:
    asked = ["submit", *EAGER, "--partition", "a100", "--time", "10", "--json"]
    job = submitted(workshop(*asked, **HOSTILE))
    shown = slurm(sandbox, "scontrol", "--oneliner", "show", "job", job["job"]).stdout
    assert "TimeLimit=00:10:00" in shown
    assert "Partition=a100" in shown
    held = submitted(workshop(*asked, "--dependency", f"afterany:{job['job']}", **HOSTILE))
    workshop("cancel", "--yes", held["job"], **HOSTILE)
    workshop("wait", job["job"], **HOSTILE)
    assert only_result(job["logs"][0]).status == "ok"
    states = {one["job_id"]: one["state"] for one in status(workshop)}
    assert states[held["job"]] == "CANCELLED"


def test_a_sites_own_default_holds_and_every_command_agrees(
    sandbox: Sandbox, workshop: Workshop, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.toml"
    plain.write_text('[gpus]\nrequest = "none"\n')
    shell = {"SBATCH_PARTITION": "a100", "SBATCH_RESERVATION": "edu20", "SBATCH_COMMENT": "x"}
    asked = ["baseline", "--cluster", "plain.toml"]
    dry = workshop("submit", *asked, "--dry-run", **shell).stdout
    assert "#SBATCH --reservation=edu20" in dry
    assert "the reservation edu20 is active" in workshop("doctor", *asked, **shell).stdout
    job = submitted(workshop("submit", *asked, *EAGER[1:], "--json", **shell))
    shown = slurm(sandbox, "scontrol", "--oneliner", "show", "job", job["job"]).stdout
    assert "Reservation=edu20" in shown
    workshop("cancel", "--yes", job["job"])


def test_a_node_without_scontrol_says_why_it_cannot_requeue(
    sandbox: Sandbox, workshop: Workshop, tmp_path: Path
) -> None:
    description = (sandbox.directory / "etc" / "workshop.toml").read_text()
    (tmp_path / "bin").mkdir()
    (tmp_path / "own.toml").write_text(
        f'{description}\n[environment]\nsetup = ["export PATH={tmp_path}/bin"]\n'
    )
    long = ["--samples", "200", "--new-tokens", "200", "--dtype", "float32", "--model", "tiny:1"]
    job = submitted(
        workshop("submit", "baseline", "--cluster", "own.toml", *long, "--set", "srun=false",
                 "--json")
    )  # fmt: skip
    log = Path(job["logs"][0])
    wait_for(lambda: log.exists() and "Time for inference 1" in log.read_text())
    slurm(sandbox, "scancel", "--batch", "--signal=USR2", job["job"])
    workshop("wait", check=False)
    assert "its node has no scontrol" in (only_result(log).reason or "")


def test_ranks_meet_at_the_interface_that_the_description_names(
    sandbox: Sandbox, workshop: Workshop, tmp_path: Path
) -> None:
    description = (sandbox.directory / "etc" / "workshop.toml").read_text()
    (tmp_path / "own.toml").write_text(f'{description}\n[network]\ninterface = "lo"\n')
    asked = ["tp", "--nodes", "2", "--no-compile", *QUICK, "--cluster", "own.toml", "--json"]
    job = submitted(workshop("submit", *asked))
    assert workshop("wait").returncode == 0
    assert only_result(job["logs"][0]).world_size == 2
