"""Knowing before submitting: each finding says what, why it matters and what to do."""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from test_submit import Workshop, command_in

from workshop.slurm.doctor import partition as of_partition
from workshop.slurm.doctor import reservation as of_reservation
from workshop.slurm.doctor.directories import file_system
from workshop.slurm.doctor.finding import Finding
from workshop.slurm.doctor.probe import Facts, about_node
from workshop.slurm.facts.inventory import Partition, Reservation
from workshop.slurm.job.request import Request
from workshop.slurm.sandbox import Sandbox

REQUEST = Request(
    stage="compile",
    job_name="workshop-compile",
    output="/here/job-%j.out",
    partition="a100",
    reservation="edu20",
    gpus_per_node=1,
)
A100 = Partition("a100", True, True, 3600, None, (), None, None, None)
CPU = Partition("cpu", False, True, None, None, (), None, None, None)


def asking(**fields: Any) -> Request:
    import dataclasses

    return dataclasses.replace(REQUEST, **fields)


def hours(count: float) -> str:
    return (datetime.datetime.now() + datetime.timedelta(hours=count)).isoformat("T", "seconds")


def reserved(**fields: Any) -> Reservation:
    plain: dict[str, Any] = {
        "name": "edu20", "active": True, "start": hours(-1), "end": hours(5),
        "nodes": "sim[03-05]", "partition": None, "users": (), "accounts": (), "groups": (),
        "maintenance": False, "count": 3,
    }  # fmt: skip
    return Reservation(**{**plain, **fields})


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    assert finding.why
    assert (finding.todo is None) == (finding.level == "ok")
    return finding


@pytest.mark.parametrize(
    ("request_", "there", "level", "said"),
    [
        (asking(), [A100, CPU], "ok", "the partition a100 is there and up"),
        (asking(partition=None), [CPU, A100], "ok", "the partition a100 is there"),
        (asking(partition=None), [CPU], "doubt", "no default partition: use --partition with cpu"),
        (asking(partition="a10"), [A100, CPU], "doubt", "'a10' (did you mean a100?): use"),
        (asking(partition="cpu,a100"), [A100, CPU], None, ""),
    ],
)
def test_the_partition_is_looked_for(
    request_: Request, there: list[Partition], level: str | None, said: str
) -> None:
    findings = of_partition.about_partition(request_, there)
    if level is None:
        assert findings == []
    else:
        finding = only(findings)
        assert finding.level == level
        assert said in finding.sentence


def test_more_time_than_a_partition_gives_is_sure_to_fail_unless_a_qos_may_lift_it() -> None:
    long = of_partition.about_partition(asking(time=90), [A100])
    assert [finding.level for finding in long] == ["ok", "problem"]
    assert "01:30:00 is more than the partition a100 allows (01:00:00)" in long[1].what
    lifted = of_partition.about_partition(asking(time=90, qos="long"), [A100])
    assert lifted[1].level == "warning"


@pytest.mark.parametrize(
    ("request_", "reservation", "level", "said"),
    [
        (asking(), reserved(), "ok", "edu20 is active, and yours"),
        (asking(reservation="edu2O"), reserved(), "doubt", "(did you mean edu20?)"),
        (asking(reservation="x"), reserved(), "doubt", "you can see edu20; to wait in the ordin"),
        (asking(), reserved(users=("eve",)), "doubt", "does not name you (it is for the users eve"),
        (asking(account="me"), reserved(accounts=("edu20",)), "doubt", "the accounts edu20"),
        (asking(), reserved(accounts=("edu20",)), "ok", "is active"),
        (asking(nodes=4), reserved(), "problem", "has 3 nodes, and 4 were asked for"),
        (asking(nodes=4), reserved(flexible=True), "ok", "is active"),
        (asking(), reserved(start=hours(3)), "warning", "edu20 starts at "),
        (asking(time=60), reserved(end=hours(0.5)), "warning", "and the job asks for 60"),
    ],
)
def test_the_reservation_is_looked_at(
    request_: Request, reservation: Reservation, level: str, said: str
) -> None:
    finding = only(of_reservation.about_reservation(request_, [reservation]))
    assert finding.level == level
    assert said in finding.sentence


@pytest.mark.parametrize(
    ("gres", "kind", "count"),
    [("gpu:4", None, 4), ("gpu:a100:4(S:0-1),gpu:v100:2", None, 6), ("(null)", None, 0),
     ("gpu:a100:4,gpu:v100:2", "v100", 2), ("craynetwork:4", None, 0)],
)  # fmt: skip
def test_gpus_of_a_node_are_counted(gres: str, kind: str | None, count: int) -> None:
    assert of_partition.count_of(gres, kind) == count


FACTS = Facts(
    "gpu01", "3.11", "2.13.0", None, "CUDA 12.8", ("NVIDIA A100",), "/usr/bin/g++", "/tmp/x", True
)


@pytest.mark.parametrize(
    ("changes", "level", "said"),
    [
        ({}, "ok", "NVIDIA A100"),
        ({"torch": None, "torch_error": "No module named 'torch'"}, "problem", "cannot import tor"),
        ({"gpus": ()}, "warning", "torch sees 0 GPUs on gpu01, and 1 were asked for"),
        ({"gpus": (), "built_for": None}, "warning", "install a torch that is built for"),
        ({"cache_writable": False}, "warning", "/tmp/x cannot be written on gpu01"),
    ],
)
def test_what_a_node_has_is_explained(changes: dict[str, Any], level: str, said: str) -> None:
    import dataclasses

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
    assert any("did you mean edu20?" in one for one in found["doubt"])
    assert any("the most on one node is 4" in one for one in found["doubt"])
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
