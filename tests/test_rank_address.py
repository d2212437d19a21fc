"""Where the ranks of several nodes meet: a site's own address, a suffix, or an interface."""

from __future__ import annotations

import subprocess

import pytest
from patience import HANG

from workshop.runner.ranks.group import Member, with_the_others
from workshop.runner.ranks.lifeline import Lifeline
from workshop.runner.ranks.rank import LOOPBACK, Rank, rank_of_job
from workshop.slurm.job.request import Request
from workshop.slurm.job.template import render
from workshop.stages import settings_of

JOB = {
    "SUBMITIT_EXECUTOR": "slurm",
    "SLURM_JOB_ID": "1",
    "SLURM_NTASKS": "2",
    "SLURM_JOB_NUM_NODES": "2",
    "SLURM_NODEID": "1",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "0",
    "SLURM_JOB_NODELIST": "jwb[0001-0002]",
    "MASTER_PORT": "29777",
    "MASTER_ADDR": "jwb0001i",
}


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_sites_own_address_and_port_are_kept(job: pytest.MonkeyPatch) -> None:
    rank = rank_of_job()
    assert (rank.address, rank.port, rank.index) == ("jwb0001i", 29777, 1)


@pytest.mark.parametrize("address", ["", None])
def test_without_one_the_first_nodes_name_is_taken(
    job: pytest.MonkeyPatch, address: str | None
) -> None:
    job.delenv("MASTER_ADDR") if address is None else job.setenv("MASTER_ADDR", address)
    assert rank_of_job().address == "jwb0001"


def test_on_one_node_ranks_meet_on_the_loopback(job: pytest.MonkeyPatch) -> None:
    job.setenv("SLURM_JOB_NUM_NODES", "1")
    assert rank_of_job().address == LOOPBACK


def launched(request: Request, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a job, whose srun prints the address that it was given."""
    srun = 'srun() { echo "address=${MASTER_ADDR-none}"; }\n'
    return subprocess.run(
        ["bash"],
        input=srun + render(request, ["true"]),
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=HANG,
    )


def two_nodes(**fields: object) -> Request:
    return Request(stage="tp", job_name="x", output="/x.out", nodes=2, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "environment", "address"),
    [
        ({}, {}, "none"),
        ({"address_suffix": "i"}, {}, "jwb0001i"),
        ({"address_suffix": "-ib.site"}, {"SLURMD_NODENAME": "n1.site"}, "n1-ib.site"),
        ({"address_suffix": "i"}, {"MASTER_ADDR": "own"}, "own"),
        ({"address_suffix": "i", "variables": {"MASTER_ADDR": "own"}}, {}, "own"),
        ({"interface": "lo"}, {}, "127.0.0.1"),
        ({"interface": "nosuch0"}, {"MASTER_ADDR": "own"}, "own"),
    ],
)
def test_the_description_says_by_which_address(
    fields: dict[str, object], environment: dict[str, str], address: str
) -> None:
    done = launched(two_nodes(**fields), **{"SLURMD_NODENAME": "jwb0001", **environment})
    assert f"address={address}\n" in done.stdout, done.stderr


def test_an_interface_that_is_not_there_ends_the_job_and_is_named() -> None:
    done = launched(two_nodes(interface="nosuch0"))
    assert done.returncode == 1
    assert "setup failed (exit code 1): no IPv4 address of interface nosuch0" in done.stderr
    assert "address=" not in done.stdout


@pytest.mark.parametrize(("started", "needed"), [(1, 2), (2, 4), (2, 1)])
def test_another_number_of_processes_than_ranks_ends_the_run_in_one_sentence(
    started: int, needed: int
) -> None:
    """A part of the model, or a second run beside it, would make a number that means nothing."""

    def work(member: Member) -> str:
        raise AssertionError("it must not begin")

    def failed(error: BaseException, others: Lifeline | None) -> str:
        return str(error)

    settings = settings_of("tp" if needed > 1 else "baseline")
    settings = type(settings)(**{**vars(settings), "ranks": needed})
    said = with_the_others(settings, Rank(ranks=started), work, failed)
    assert f"the job started {started} process" in said
    assert f"this run needs {needed}" in said
