"""Asking Slurm: what other clusters print, and what the real one here has."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hall import Hall, partition, reservation
from patience import HANG
from slurm import slurm

from workshop.slurm.cluster.description import Cluster, Gpus, Paths, Scheduling
from workshop.slurm.cluster.detect import Detected, detect, text
from workshop.slurm.cluster.load import load
from workshop.slurm.facts import inventory
from workshop.slurm.facts.ask import NoAnswerError
from workshop.slurm.sandbox import Sandbox

# What Slurm prints


@pytest.mark.parametrize(
    ("gres", "gpus"),
    [
        ("gpu:4", {"": 4}),
        ("gpu:a100:4", {"a100": 4}),
        ("gpu:a100:4(S:0-1)", {"a100": 4}),
        ("gpu:a100:2(S:0,2),gpu:v100:2(S:1)", {"a100": 2, "v100": 2}),
        ("gpu:mi250x:8,craynetwork:4", {"mi250x": 8}),
        ("craynetwork:4,gpu:mi250x:8(S:0-7)", {"mi250x": 8}),
        ("gpu:a100:3(S:0),gpu:1g.5gb:7(S:0),shard:a100:12", {"a100": 3, "1g.5gb": 7}),
        ("gpu:tesla:no_consume:2", {"tesla": 2}),
        ("gpu:h100:4(IDX:0-3)", {"h100": 4}),
        ("gpu", {"": 1}),
        ("gpu:0", {}),
        ("gpumem:80G,mps:400", {}),
        ("(null)", {}),
        ("", {}),
    ],
)
def test_gpus_are_read_from_every_spelling(gres: str, gpus: dict[str, int]) -> None:
    assert inventory.gpus(gres) == gpus


@pytest.mark.parametrize(
    ("node", "cores"),
    [
        ({"CPUTot": "48", "Sockets": "2", "CoresPerSocket": "24"}, 48),
        # LUMI-G: 64 cores of two threads, of which 8 are kept from jobs
        (
            {
                "CPUTot": "128",
                "CPUEfctv": "112",
                "CoreSpecCount": "8",
                "Sockets": "1",
                "CoresPerSocket": "64",
            },
            56,
        ),
        # two threads a core, and CPUs= set to the number of cores
        ({"CPUTot": "32", "Sockets": "2", "CoresPerSocket": "16", "ThreadsPerCore": "2"}, 32),
        ({"CPUTot": "16"}, 16),
        ({}, 0),
    ],
)
def test_a_processor_is_a_core_that_jobs_may_have(node: dict[str, str], cores: int) -> None:
    assert inventory.cores(node) == cores


# Other clusters


def described(found: Detected, tmp_path: Path) -> Cluster:
    """The cluster as read back from the text; which must be the one that was detected."""
    path = tmp_path / "detected.toml"
    path.write_text(text(found))
    cluster = load(path)
    assert Cluster(**{**vars(cluster), "source": None}) == found.cluster
    return cluster


def test_a_usual_cluster(tmp_path: Path) -> None:
    hall = Hall(
        [partition("cpu", default=True), partition("gpu")],
        ["cpu|100|(null)|cpu[001-100]", "gpu|8|gpu:a100:4(S:0-1)|gpu[01-08]"],
        accounts=["chem|", "class|"],
        default_account="class\n",
        reservations=[reservation("lesson", accounts="class")],
        modules=True,
    )
    found = detect(hall)
    cluster = described(found, tmp_path)
    assert cluster.name == "hall"
    assert cluster.slurm == Scheduling(
        partition="gpu",
        account="class",
        reservation="lesson",
        time="01:00:00",
        cpus_per_task=16,
    )
    assert cluster.gpus == Gpus("gpus", None, 4)
    assert cluster.paths == Paths(cache="/tmp/workshop-$USER")
    assert found.origins["slurm.partition"] == "the one with most GPUs that alice may use"
    assert found.origins["slurm.account"] == "sacctmgr: the default of alice"
    assert found.origins["slurm.time"] == "for a lesson; the partition allows 2-00:00:00"
    assert found.origins["gpus.per_node"] == "sinfo: gpu:a100:4, nodes like this: 8"
    assert found.origins["environment.modules"].startswith("a module system is here")


def test_every_value_says_where_it_comes_from() -> None:
    hall = Hall([partition("gpu", default=True)], ["gpu|1|gpu:4|gpu01"])
    for line in text(detect(hall)).splitlines():
        if " = " in line and not line.startswith(("#", "description")):
            assert re.search(r"  # \w", line), line
        assert len(line) <= 110


def test_the_default_partition_comes_first_if_it_has_gpus() -> None:
    partitions = [partition("a", default=True), partition("b"), partition("c")]
    nodes = ["a|1|gpu:v100:2|gpu01", "b|9|gpu:a100:4|gpu[02-10]", "c|9|(null)|cpu[1-9]"]
    found = detect(Hall(partitions, nodes))
    assert found.cluster.slurm.partition == "a"
    assert "Another partition with GPUs: b, 36 of a100." in found.notes


@pytest.mark.parametrize(
    "closed",
    [
        {"state": "DOWN"},
        {"groups": "staff,root"},
        {"accounts": "physics"},
        {"more": "DenyAccounts=class"},
    ],
)
def test_a_partition_that_one_may_not_use_is_not_chosen(closed: dict[str, str]) -> None:
    partitions = [partition("best", default=True, **closed), partition("mine")]
    nodes = ["best|99|gpu:8|gpu[01-99]", "mine|1|gpu:2|old1"]
    found = detect(Hall(partitions, nodes, accounts=["class|"], default_account="class"))
    assert found.cluster.slurm.partition == "mine"


def test_the_account_is_one_that_the_partition_takes() -> None:
    hall = Hall(
        [partition("gpu", accounts="class")],
        ["gpu|1|gpu:4|gpu01"],
        accounts=["chem|", "art|gpu", "class|other", "class|gpu"],
        default_account="chem",
    )
    found = detect(hall)
    assert found.cluster.slurm.account == "class"
    assert found.origins["slurm.account"] == "sacctmgr: one of alice"


def test_without_an_account_jobs_may_be_refused() -> None:
    found = detect(Hall([partition("gpu")], ["gpu|1|gpu:4|gpu01"], accounts=[]))
    assert found.cluster.slurm.account is None
    assert "sacctmgr shows no account of alice: jobs may be refused without one." in found.notes


def test_of_several_types_the_one_with_most_gpus_is_asked_for() -> None:
    nodes = ["gpu|2|gpu:v100:8|gpu[01-02]", "gpu|8|gpu:a100:4|gpu[03-10]", "gpu|1|gpu:4|gpu11"]
    found = detect(Hall([partition("gpu")], nodes))
    assert found.cluster.gpus == Gpus("gpus", "a100", 4)
    assert found.origins["gpus.type"] == "sinfo: the most frequent of v100, a100, untyped"


def test_parts_of_gpus_are_no_gpus() -> None:
    partitions = [partition("parts"), partition("whole")]
    nodes = ["parts|4|gpu:a100:1,gpu:1g.5gb:49|mig[1-4]", "whole|2|gpu:a100:4|gpu[01-02]"]
    found = detect(Hall(partitions, nodes))
    assert found.cluster.slurm.partition == "whole"
    assert detect(Hall(partitions[:1], nodes)).cluster.gpus == Gpus("gpus", "a100", 1)


@pytest.mark.parametrize(
    ("select", "parameters", "option"),
    [
        ("select/cons_tres", "CR_CORE_MEMORY", "gpus"),
        ("select/cons_res", "CR_CORE_MEMORY", "gres"),
        ("select/linear", "CR_MEMORY", "gres"),
        ("select/cray_aries", "CR_CORE_MEMORY,OTHER_CONS_TRES", "gpus"),
    ],
)
def test_how_to_ask_is_what_the_select_plugin_takes(
    select: str, parameters: str, option: str
) -> None:
    hall = Hall([partition("gpu")], ["gpu|1|gpu:4|gpu01"], select=select, parameters=parameters)
    assert detect(hall).cluster.gpus.request == option


@pytest.mark.parametrize(
    ("longest", "time"),
    [("00:30:00", "00:30:00"), ("UNLIMITED", "01:00:00"), ("7-00:00:00", "01:00:00")],
)
def test_the_time_fits_a_lesson_and_the_partition(longest: str, time: str) -> None:
    found = detect(Hall([partition("gpu", time=longest)], ["gpu|1|gpu:4|gpu01"]))
    assert found.cluster.slurm.time == time


@pytest.mark.parametrize(
    ("other", "taken"),
    [
        ({"users": "bob,alice"}, True),
        ({"users": "bob"}, False),
        ({"users": "-alice", "accounts": "class"}, False),
        ({"users": "-bob", "accounts": "class"}, True),
        ({"users": "-bob"}, False),
        ({"users": "alice", "accounts": "class"}, True),
        ({"users": "alice", "accounts": "chem"}, False),
        ({"accounts": "class,chem"}, True),
        ({"accounts": "-class"}, False),
        ({"users": "alice", "partition": "gpu"}, True),
        ({"users": "alice", "partition": "other"}, False),
        ({"users": "alice", "state": "INACTIVE"}, False),
        ({"users": "alice", "flags": "MAINT,SPEC_NODES"}, False),
        ({"users": "alice", "flags": "SPEC_NODES,TIME_FLOAT"}, False),
    ],
)
def test_the_reservation_is_active_and_mine(other: dict[str, str], taken: bool) -> None:
    hall = Hall(
        [partition("gpu")],
        ["gpu|2|gpu:4|gpu[01-02]"],
        accounts=["class|"],
        reservations=[reservation("lesson", **other)],
    )
    assert (detect(hall).cluster.slurm.reservation == "lesson") is taken


def test_a_reservation_that_is_not_used_is_noted() -> None:
    later = reservation("later", users="alice", state="INACTIVE")
    now = reservation("now", users="alice")
    gpu = "gpu|2|gpu:4|gpu[01-02]"
    notes = detect(Hall([partition("gpu")], [gpu], reservations=[later])).notes
    assert notes == ("The reservation later is yours, but not before 2026-11-21T09:00:00.",)
    notes = detect(Hall([partition("gpu")], [gpu], reservations=[now], reserved=[])).notes
    assert notes == ("The reservation now is yours, on nodes of another partition.",)


def test_a_cluster_without_gpus_is_described_all_the_same(tmp_path: Path) -> None:
    found = detect(Hall([partition("cpu", default=True)], ["cpu|9|(null)|cpu[1-9]"]))
    cluster = described(found, tmp_path)
    assert cluster.slurm.partition == "cpu"
    assert cluster.gpus == Gpus("none")
    assert "Without GPUs: sinfo shows no GPUs that you may use." in found.notes


def test_a_cluster_that_is_closed_is_described_all_the_same(tmp_path: Path) -> None:
    found = detect(Hall([partition("gpu", state="DRAIN")], ["gpu|1|gpu:4|gpu01"]))
    assert described(found, tmp_path).slurm.partition is None
    assert "Without GPUs: no partition is yours." in found.notes


def test_a_silent_accounting_is_no_obstacle() -> None:
    hall = Hall([partition("gpu")], ["gpu|1|gpu:4|gpu01"], accounts=["class|"])

    def run(command: list[str]) -> str:
        if command[0] in ("sacctmgr", "bash"):
            raise NoAnswerError("down")
        return hall(command)

    found = detect(run)
    assert found.cluster.slurm.partition == "gpu"
    assert found.cluster.slurm.account is None


# The real one


def workshop(
    *arguments: str | Path, env: dict[str, str], cwd: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workshop", "cluster", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **env},
        timeout=HANG,
        check=False,
    )


def test_the_sandbox_is_described_as_it_is(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "new" / "cluster.toml"
    done = workshop("detect", "-o", file, env=sandbox.environment(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{file}: fill it in")
    cluster = load(file)
    assert cluster.slurm.partition == "a100"
    assert cluster.slurm.reservation == "edu20"
    assert cluster.slurm.time == "01:00:00"
    assert cluster.gpus == Gpus("gpus", None, 4)
    node = slurm(sandbox, "scontrol", "--oneliner", "show", "node", "sim01").stdout
    cpus = re.search(r"CPUTot=(\d+)", node)
    assert cpus
    assert cluster.slurm.cpus_per_task == int(cpus[1]) // 4

    # What was detected is what Slurm takes.
    slurm(
        sandbox,
        "sbatch",
        "--test-only",
        f"--partition={cluster.slurm.partition}",
        f"--reservation={cluster.slurm.reservation}",
        f"--gpus={cluster.gpus.per_node}",
        "--ntasks=4",
        f"--cpus-per-task={cluster.slurm.cpus_per_task}",
        f"--time={cluster.slurm.time}",
        "--wrap=true",
    )

    kept = file.read_text()
    again = workshop("detect", "-o", file, env=sandbox.environment(), cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr.startswith(f"Error: {file} is there already")
    assert file.read_text() == kept
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_on_standard_output_is_the_description_or_its_json(
    sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    file = tmp_path / "cluster.toml"
    file.write_text(workshop("detect", env=sandbox.environment(), cwd=tmp_path).stdout)
    done = workshop("detect", "--json", env=sandbox.environment(), cwd=tmp_path)
    assert json.loads(done.stdout)["cluster"]["name"] == load(file).name


def test_the_account_is_the_one_that_accounting_has(
    accounting_sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    done = workshop("detect", env=accounting_sandbox.environment(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r'account = "edu20" +# sacctmgr: the default of ', done.stdout)


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({"SLURM_CONF": "/nowhere/slurm.conf"}, "SLURM_CONF names /nowhere/slurm.conf"),
        ({"PATH": "/nowhere"}, "there is no scontrol on this machine"),
    ],
)
def test_without_slurm_it_is_one_sentence_with_what_to_do(
    env: dict[str, str], why: str, tmp_path: Path
) -> None:
    done = workshop("detect", env=env, cwd=tmp_path)
    assert done.returncode == 1
    assert re.fullmatch(
        rf"Error: {why}[^\n]*; run this on a login node of the cluster, "
        r"where 'scontrol ping' answers\n",
        done.stderr,
    )
