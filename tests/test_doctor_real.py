"""What the doctor and ``submit`` say beside what Slurm does, on a real one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm import slurm
from test_doctor import doctor
from test_submit import EAGER, Workshop, command_in, submitted

from workshop.slurm.sandbox import Sandbox

MORE = ["MaxTime=60", "DefMemPerCPU=1000"]


@pytest.fixture
def workshop(sandbox: Sandbox, tmp_path: Path) -> Workshop:
    return command_in(sandbox, tmp_path)


@contextlib.contextmanager
def made(sandbox: Sandbox, kind: str, name: str, *fields: str) -> Iterator[None]:
    """A partition or reservation that is there for a while."""
    slurm(sandbox, "scontrol", "create", f"{kind}={name}", *fields)
    try:
        yield
    finally:
        slurm(sandbox, "scontrol", "delete", f"{kind}={name}")


def refused(sandbox: Sandbox, *options: str) -> bool:
    """Whether sbatch refuses a job of that kind."""
    command = ["sbatch", "--parsable", "--output=/dev/null", "--nodes=1", "--time=5"]
    done = slurm(sandbox, *command, *options, "--wrap=true", check=False)
    if done.returncode == 0:
        slurm(sandbox, "scancel", done.stdout.strip())
    return done.returncode != 0


@pytest.mark.parametrize(
    ("fields", "options", "said"),
    [
        (["Nodes=sim[01-02]"], [], ""),
        (["Nodes=sim[01-02]", "ReqResv=YES"], [], "takes only jobs that use a reservation"),
        (["Nodes=sim[01-02]", "MinNodes=2"], [], "is for jobs of 2 nodes or more"),
        (["Nodes=sim[01-02]", "AllocNodes=sim05"], [], "takes jobs that are submitted on sim05"),
        (["Nodes=sim[01-02]", "State=DRAIN"], [], "is closed"),
        (["Nodes=sim[01-02]", "State=INACTIVE"], [], "is closed"),
        (["Nodes=sim[01-02]", "MaxCPUsPerNode=8"], ["cpus_per_task=9"], "gives a job 8 of a node"),
        (["Nodes=sim[01-02]", "MaxCPUsPerNode=8"], ["cpus_per_task=8"], ""),
    ],
)
def test_a_partition_that_slurm_refuses_is_a_finding(
    sandbox: Sandbox, workshop: Workshop, fields: list[str], options: list[str], said: str
) -> None:
    with made(sandbox, "PartitionName", "odd", *MORE, *fields):
        cpus = [f"--{one.replace('_', '-')}" for one in options]
        assert refused(sandbox, "--partition=odd", *cpus) is bool(said)
        set_ = [word for one in options for word in ("--set", one)]
        done = workshop("doctor", "--partition", "odd", "--time", "5", *set_, check=False)
    findings = [line for line in done.stdout.splitlines() if "PROBLEM" in line or "doubt" in line]
    assert bool(findings) is bool(said), done.stdout
    assert all(said in line for line in findings)


@pytest.mark.parametrize(
    ("fields", "partition", "said"),
    [
        (["Nodes=sim01"], "a100", ""),
        (["Nodes=sim01"], "right", "is on other nodes"),
        (["Nodes=sim01", "PartitionName=left"], "right", "on nodes of the partition left"),
        (["Nodes=sim01", "PartitionName=left"], "left", ""),
        (["Nodes=sim01", "PartitionName=left"], "a100", ""),  # which has that node as well
        (["Nodes=sim01", "Flags=FLEX"], "free", ""),
        (["Nodes=sim01", "Flags=TIME_FLOAT"], "a100", "moving into the future"),
    ],
)
def test_a_reservation_that_slurm_refuses_is_a_finding(
    sandbox: Sandbox, workshop: Workshop, fields: list[str], partition: str, said: str
) -> None:
    times = ["Users=root", "StartTime=now+1minute" if "FLOAT" in fields[-1] else "StartTime=now"]
    with (
        made(sandbox, "PartitionName", "left", *MORE, "Nodes=sim[01-02]"),
        made(sandbox, "PartitionName", "right", *MORE, "Nodes=sim[04-05]"),
        made(sandbox, "PartitionName", "free", *MORE, "Nodes=sim02"),
        made(sandbox, "ReservationName", "lesson", *times, "Duration=60", *fields),
    ):
        where = [f"--partition={partition}", "--reservation=lesson"]
        assert refused(sandbox, *where) is bool(said)
        found = doctor(workshop, *where, "--time", "5", code=1 if said else 0)
    assert bool(found["problem"]) is bool(said)
    assert all(said in one for one in found["problem"])


def test_a_job_goes_into_the_partition_that_its_reservation_was_made_with(
    sandbox: Sandbox, workshop: Workshop, tmp_path: Path
) -> None:
    (tmp_path / "workshop.toml").write_text("[slurm]\npartition = 'right'\n")
    fields = ["Users=root", "StartTime=now", "Duration=60", "Nodes=sim01", "PartitionName=left"]
    asked = ["--cluster", "workshop.toml", "--reservation", "lesson", "--time", "5"]
    with (
        made(sandbox, "PartitionName", "left", *MORE, "Nodes=sim[01-02]"),
        made(sandbox, "PartitionName", "right", *MORE, "Nodes=sim[04-05]"),
        made(sandbox, "ReservationName", "lesson", *fields),
    ):
        done = workshop("submit", *EAGER, *asked, "--json")
        job = submitted(done)["job"]
        shown = slurm(sandbox, "scontrol", "--oneliner", "show", "job", job).stdout
        workshop("cancel", "--all", "--yes")
        workshop("wait", check=False)
        dry = workshop("submit", *EAGER, *asked, "--dry-run").stdout
        typed = workshop("submit", *EAGER, *asked, "--partition", "right", check=False)
    assert "Notice: the reservation lesson is on the partition left: using --partition left" in (
        done.stderr
    )
    assert "Partition=left " in shown
    assert "--partition=left" in dry
    assert typed.returncode == 1
    assert typed.stderr.endswith("for the partition right: use --partition left\n")


def test_the_second_day_is_over_while_the_first_is_there(
    sandbox: Sandbox, workshop: Workshop
) -> None:
    asked = ["--reservation", "edu21", "--drop-expired-reservation", "--dry-run"]
    done = workshop("submit", "baseline", *asked)
    assert "Notice: the reservation edu21 is over: submitting without it." in done.stderr
    assert "--reservation" not in done.stdout
    both = ["--reservation", "edu20,edu21", "--drop-expired-reservation", "--dry-run"]
    done = workshop("submit", "baseline", *both)
    assert "edu21 is over: submitting without it, and with edu20." in done.stderr
    assert "--reservation=edu20\n" in done.stdout


def test_a_job_that_outlasts_its_reservation_is_warned_of_and_starts(
    sandbox: Sandbox, workshop: Workshop
) -> None:
    fields = ["Users=root", "StartTime=now", "Duration=10", "Nodes=sim01"]
    with made(sandbox, "ReservationName", "short", *fields):
        asked = ["--reservation", "short", "--time", "30"]
        done = workshop("submit", *EAGER, *asked, "--json")
        assert "Warning: the reservation short ends in 9 minutes, and the job asks for 30: " in (
            done.stderr
        )
        assert "use --time 9 or less" in done.stderr
        ended = workshop("wait", submitted(done)["job"])
    assert ended.returncode == 0


def test_gpus_that_no_node_has_are_refused_before_slurm_is_asked(workshop: Workshop) -> None:
    done = workshop("submit", "baseline", "--gpus", "9", check=False)
    assert done.returncode == 1
    assert "the most on one node is 4): use --gpus 4 or fewer" in done.stderr
