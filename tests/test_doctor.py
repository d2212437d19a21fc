"""Knowing before submitting: each finding says what, why it matters and what to do."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from test_submit import Workshop, command_in

from workshop.slurm.doctor.directories import file_system
from workshop.slurm.doctor.probe import Facts, about_node
from workshop.slurm.sandbox import Sandbox

FACTS = Facts(
    "gpu01", "3.11", "2.13.0", None, "CUDA 12.8", ("NVIDIA A100",), "/usr/bin/g++", "/tmp/x", True
)


@pytest.mark.parametrize(
    ("changes", "level", "said"),
    [
        ({}, "ok", "NVIDIA A100"),
        ({"torch": None, "torch_error": "No module named 'torch'"}, "problem", "cannot import tor"),
        ({"gpus": ()}, "warning", "torch sees 0 GPUs on gpu01, and the job that"),
        ({"gpus": (), "built_for": None}, "warning", "install a torch that is built for"),
        ({"cache_writable": False}, "warning", "/tmp/x cannot be written on gpu01"),
    ],
)
def test_what_a_node_has_is_explained(changes: dict[str, Any], level: str, said: str) -> None:
    findings = about_node(dataclasses.replace(FACTS, **changes), 1)
    assert any(f.level == level and said in f.sentence for f in findings)


def test_the_file_system_of_a_path_is_known() -> None:
    assert file_system(Path("/proc/self")) == "proc"


def doctor(workshop: Workshop, *arguments: str, code: int = 0) -> dict[str, list[str]]:
    done = workshop("doctor", *arguments, "--json", check=False)
    assert done.returncode == code, done.stderr
    found: dict[str, list[str]] = {"ok": [], "warning": [], "doubt": [], "problem": []}
    for one in json.loads(done.stdout):
        found[one["level"]].append(f"{one['what']}: {one['todo']}")
    return found


def test_the_doctor_finds_nothing_wrong_with_a_good_request(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    workshop = command_in(sandbox, tmp_path)
    found = doctor(workshop, "compile", "--reservation", "edu20")
    assert found["problem"] == found["doubt"] == []
    told = " ".join(found["ok"])
    for part in ("slurm-wlm", "partition a100", "5 nodes with so many GPUs", "edu20 is active"):
        assert part in told
    text = workshop("doctor", "compile", "--reservation", "edu20").stdout
    assert "      ok  the reservation edu20 is active, and yours" in text


def test_the_doctor_names_what_is_wrong_and_what_to_type(sandbox: Sandbox, tmp_path: Path) -> None:
    workshop = command_in(sandbox, tmp_path)
    found = doctor(workshop, "tp", "--gpus", "8", "--reservation", "edu2", "--time", "3-0", code=1)
    assert "use --time 1-00:00:00 or less" in found["problem"][0]
    assert any("did you mean edu20?" in one for one in found["problem"])
    assert any("the most on one node is 4" in one for one in found["problem"])
    text = workshop("doctor", "--time", "3-0", check=False).stdout
    assert "Why: a job that asks for more never starts." in text
    assert "Do: use --time 1-00:00:00 or less." in text


def test_the_doctor_looks_at_directories(sandbox: Sandbox, tmp_path: Path) -> None:
    workshop = command_in(sandbox, tmp_path)
    (tmp_path / "workshop.toml").write_text("[paths]\ncheckpoints = '/nowhere/at/all'\n")
    found = doctor(workshop, "--cluster", "workshop.toml")
    assert any("there is no directory /nowhere/at/all" in one for one in found["warning"])


def test_the_doctor_sends_a_job_to_a_node(sandbox: Sandbox, tmp_path: Path) -> None:
    workshop = command_in(sandbox, tmp_path)
    found = doctor(workshop, "--job")
    assert any("torch 2." in one and "is there on" in one for one in found["ok"])
    # The GPUs are simulated, and torch is not deceived.
    assert any("torch sees 0 GPUs" in one for one in found["warning"])
    (tmp_path / "broken.toml").write_text("[environment]\nmodules = ['CUDA/99']\n")
    broken = doctor(workshop, "--job", "--cluster", "broken.toml", code=1)
    assert any("CUDA/99" in one for one in broken["problem"])
    assert not list((tmp_path / "runs").iterdir())  # nothing is left of these jobs


def test_the_doctor_knows_which_accounts_are_mine(
    accounting_sandbox: Sandbox, tmp_path: Path
) -> None:
    workshop = command_in(accounting_sandbox, tmp_path)
    assert "the account edu20 is yours: None" in doctor(workshop)["ok"]
    wrong = doctor(workshop, "--account", "edu2")["doubt"]
    assert (
        "the account edu2 is not yours (did you mean edu20?): use --account with one of edu20, root"
        in wrong
    )
    assert "use --qos with normal" in doctor(workshop, "--qos", "nrmal")["doubt"][0]


def test_without_slurm_the_doctor_says_where_to_go(tmp_path: Path) -> None:
    import os
    import subprocess

    done = subprocess.run(
        [sys.executable, "-m", "workshop", "doctor"],
        env={**os.environ, "PATH": "/nowhere"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "there is no Slurm on this machine" in done.stdout


def test_every_option_of_the_doctor_has_a_help_text() -> None:
    from workshop.cli.doctor import doctor as command

    assert all(one.help for one in command.params if isinstance(one, click.Option))
