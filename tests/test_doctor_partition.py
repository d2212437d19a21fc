"""The job's partition and its GPUs: what it demands, who may use it, and what its nodes have."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from doctor_parts import A100, CPU, asking, only

from workshop.slurm.doctor import gpus as of_gpus
from workshop.slurm.doctor import partition as of_partition
from workshop.slurm.doctor import reservation as of_reservation
from workshop.slurm.facts.access import Association, User
from workshop.slurm.facts.inventory import Partition
from workshop.slurm.job.request import Request


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


# The partition's own rules


@pytest.mark.parametrize(
    ("request_", "partition", "level", "said"),
    [
        (asking(reservation=None), {"reserved_only": True}, "problem", "add --reservation, or use"),
        (asking(), {"closed": True, "up": False}, "problem", "takes no new jobs: wait, or use"),
        (asking(), {"up": False}, "warning", "is not up"),
        (asking(nodes=5), {"most": 4}, "problem", "use --nodes 4 or fewer"),
        (asking(nodes=5, qos="big"), {"most": 4}, "warning", "use --nodes 4 or fewer"),
        (asking(), {"fewest": 2}, "problem", "use --nodes 2 or more"),
        (asking(cpus_per_task=8, tasks_per_node=4), {"cpus_per_node": 8}, "problem",
         "use --set cpus_per_task=2"),
        (asking(tasks_per_node=16), {"cpus_per_node": 8}, "problem", "use fewer ranks on a node"),
        (asking(), {"hosts": "elsewhere[1-9]"}, "doubt", "submitted on elsewhere[1-9], and this"),
        (asking(qos="normal"), {"job_qos": ("gpu",)}, "doubt", "this job has normal: use --qos w"),
        (asking(), {"job_qos": ("gpu",)}, "doubt", "this job names none: use --qos with gpu"),
        (asking(qos="long"), {"refused_qos": ("long",)}, "doubt", "takes no jobs of the QOS long"),
        (asking(account="chem"), {"accounts": ("bio",)}, "doubt", "use --account with bio"),
        (asking(account="chem"), {"refused": ("chem",)}, "doubt", "not for the account chem: use"),
    ],
)  # fmt: skip
def test_what_a_partition_demands_is_checked(
    request_: Request, partition: dict[str, Any], level: str, said: str
) -> None:
    there = [dataclasses.replace(A100, **partition), CPU]
    findings = of_partition.about_partition(request_, there)
    (finding,) = [one for one in findings if one.level != "ok"]
    assert finding.level == level
    assert said in finding.sentence


@pytest.mark.parametrize(("sockets", "most"), [("2\n", 16), ("1\n2+\n", 16), ("", None)])
def test_processors_of_a_socket_are_counted_by_sockets(
    monkeypatch: pytest.MonkeyPatch, sockets: str, most: int | None
) -> None:
    monkeypatch.setattr(of_partition, "ask", lambda command: sockets)
    limited = dataclasses.replace(A100, cpus_per_socket=8)
    assert of_partition.processors_of(limited) == most


def test_of_several_partitions_one_that_takes_the_job_is_enough() -> None:
    both = asking(partition="a100,cpu", time=90)
    assert of_partition.about_partition(both, [A100, CPU]) == []
    short = dataclasses.replace(CPU, longest=60)
    assert [f.level for f in of_partition.about_partition(both, [A100, short])] == ["ok", "problem"]
    assert "'gpu'" in only(of_partition.about_partition(asking(partition="gpu,cpu"), [CPU])).what


MINE = User(
    "alice", ("users",), (("chem", ""),), "chem",
    (Association("chem", ("short", "gpu"), "short"),), accounting=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("qos", "job_qos", "level", "said"),
    [
        (None, ("short",), None, ""),
        (None, ("gpu", "long"), "doubt", "this job has short: use --qos with gpu"),
        ("gpu", ("gpu",), None, ""),
        ("long,gpu", ("gpu",), None, ""),
        (None, ("owners",), "problem", "yours are short, gpu: use --partition with cpu"),
    ],
)
def test_the_qos_that_i_have_are_compared_with_those_of_the_partition(
    qos: str | None, job_qos: tuple[str, ...], level: str | None, said: str
) -> None:
    there = [dataclasses.replace(A100, job_qos=job_qos), CPU]
    found = of_partition.about_partition(asking(qos=qos), there, MINE)
    worse = [one for one in found if one.level != "ok"]
    assert [one.level for one in worse] == ([level] if level else [])
    assert all(said in one.sentence for one in worse)


def test_whole_nodes_are_announced() -> None:
    there = [dataclasses.replace(A100, whole_nodes=True)]
    finding = only(of_partition.about_whole_nodes(asking(), there))
    assert (finding.level, "gets whole nodes" in finding.what) == ("warning", True)
    assert of_partition.about_whole_nodes(asking(exclusive=True), there) == []


@pytest.mark.parametrize("wanted", ["a100", None])
def test_no_sentence_names_an_empty_list(wanted: str | None) -> None:
    sentences = [
        *of_partition.about_partition(asking(partition=wanted), []),
        *of_partition.about_partition(asking(), [dataclasses.replace(A100, up=False)]),
        *of_partition.about_partition(
            asking(reservation=None), [dataclasses.replace(A100, reserved_only=True)]
        ),
        *of_reservation.about_reservation(asking(), []),
    ]
    for one in sentences:
        assert "one of ." not in one.sentence
        assert "with ." not in one.sentence
        assert "None" not in one.sentence
    assert sentences[0].sentence.startswith("Slurm shows you no partition: ask your instructor")


# GPUs


@pytest.mark.parametrize(
    ("gres", "kind", "count"),
    [("gpu:4", None, 4), ("gpu:a100:4(S:0-1),gpu:v100:2", None, 6), ("(null)", None, 0),
     ("gpu:a100:4,gpu:v100:2", "v100", 2), ("craynetwork:4", None, 0),
     ("gpu:1g.10gb:7", None, 0), ("gpu:a100:1,gpu:a100_1g.5gb:7,shard:12", None, 1),
     ("gpu:1g.10gb:7", "1g.10gb", 7)],
)  # fmt: skip
def test_gpus_of_a_node_are_counted(gres: str, kind: str | None, count: int) -> None:
    assert of_gpus.count_of(gres, kind) == count


def shown(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Let sinfo print these lines."""
    monkeypatch.setattr(of_gpus, "ask", lambda command: "\n".join(lines))


FOURS = [f"n{i}|{state}|gpu:4" for i, state in enumerate(["idle", "mixed-", "idle~", "inval"])]


@pytest.mark.parametrize(
    ("request_", "level", "said"),
    [
        (asking(gpus_per_node=4), "ok", "3 nodes with so many GPUs are up"),
        (asking(gpus_per_node=4, nodes=4), "warning", "3 of 4 nodes with so many GPUs are up"),
        (asking(gpus_per_node=9), "problem", "with --gpus=9 (the most on one node is 4): use --gpus"
         " 4 or fewer"),
        (asking(gpus_per_node=8, tasks_per_node=8), "problem", "4 or fewer, or --nodes 2 --gpus-pe"
         "r-node 4"),
        (asking(gpus_per_node=8, tasks_per_node=8, nodes=3), "problem", "use --gpus-per-node 4 or "
         "fewer"),
        (asking(gpus_per_node=1, nodes=9), "problem", "too few nodes have what was asked for"),
        (asking(gpus_per_node=1, nodes=9), "problem", "(4 nodes have so many): use --nodes 4 or"),
        (asking(gpus_per_node=1, gpu_type="h100"), "problem", "use another --partition"),
        (asking(gpus_per_node=0), "ok", "no GPU is asked for"),
    ],
)  # fmt: skip
def test_gpus_that_no_node_has_are_refused_with_the_nearest_that_one_has(
    monkeypatch: pytest.MonkeyPatch, request_: Request, level: str, said: str
) -> None:
    shown(monkeypatch, *FOURS)
    finding = only(of_gpus.about_gpus(request_))
    assert finding.level == level
    assert said in finding.sentence


def test_slices_of_gpus_are_named_as_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    shown(monkeypatch, "n1|idle|gpu:1g.10gb:7", "n2|idle|gpu:1g.10gb:7,shard:20")
    finding = only(of_gpus.about_gpus(asking(gpus_per_node=2)))
    assert finding.level == "warning"
    assert "the GPUs of the partition a100 are slices (1g.10gb), and not whole ones" in finding.what
    assert only(of_gpus.about_gpus(asking(gpus_per_node=8))).level == "problem"


def test_nodes_that_slurm_does_not_show_are_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    shown(monkeypatch)
    assert of_gpus.about_gpus(asking(gpus_per_node=9)) == []
