"""What a cluster lets its users do, and what a description makes of it."""

from __future__ import annotations

import pytest
from hall import Hall, partition, reservation

from workshop.slurm.cluster.detect import detect

# As a cluster with a QOS for each kind of partition prints them.
BY_QOS = [
    partition("cpu_p", default=True, qos="cpu_short"),
    partition(
        "gpu_p",
        qos="gpu_short,gpu_normal,gpu_long",
        more="JobDefaults=DefCpuPerGPU=3,DefMemPerGPU=12500 DefMemPerCPU=2048",
    ),
    partition(
        "owners_gpu_p",
        qos="owners_gpu",
        more="JobDefaults=DefMemPerGPU=20480 DefMemPerNode=UNLIMITED",
    ),
]
BY_QOS_NODES = ["gpu_p|25|gpu:2|g[26-50]", "owners_gpu_p|20|gpu:8|o[01-20]"]


@pytest.mark.parametrize(
    ("rows", "chosen", "qos"),
    [
        (["chem|cpu_short,gpu_normal,gpu_short|chem"], "gpu_p", "gpu_normal"),
        (["chem|cpu_short,gpu_short|chem|gpu_short|hall"], "gpu_p", None),  # the default
        (["chem|gpu_long|chem||hall"], "gpu_p", None),  # the only one is the default
        (["chem|normal,owners_gpu|chem|normal|hall"], "owners_gpu_p", "owners_gpu"),
        (["chem|cpu_short|chem||hall"], "cpu_p", None),
    ],
)
def test_the_qos_is_one_that_the_partition_takes(
    rows: list[str], chosen: str, qos: str | None
) -> None:
    hall = Hall(BY_QOS, BY_QOS_NODES, ["chem|"], "chem", associations=rows)
    found = detect(hall)
    assert (found.cluster.slurm.partition, found.cluster.slurm.qos) == (chosen, qos)
    if chosen == "gpu_p":
        note = "A job that does not ask for memory has DefMemPerGPU=12500 MB: see slurm.mem."
        assert note in found.notes


def test_a_partition_of_which_it_is_not_known_comes_after_one_that_is_open() -> None:
    partitions = [*BY_QOS, partition("open")]
    nodes = [*BY_QOS_NODES, "open|1|gpu:1|p1"]
    assert detect(Hall(partitions, nodes, ["chem|"], "chem")).cluster.slurm.partition == "open"
    alone = detect(Hall(BY_QOS[2:], nodes, ["chem|"], "chem"))
    assert "The partition owners_gpu_p takes only jobs of the QOS owners_gpu: see slurm.qos." in (
        alone.notes
    )


@pytest.mark.parametrize(
    "closed", ["ReqResv=YES", "AllocNodes=elsewhere[1-3]", "MinNodes=2", "DenyQos=normal"]
)
def test_a_partition_that_refuses_a_plain_job_is_not_chosen(closed: str) -> None:
    partitions = [partition("best", default=True, more=closed), partition("mine")]
    nodes = ["best|99|gpu:8|gpu[01-99]", "mine|1|gpu:2|old1"]
    hall = Hall(partitions, nodes, ["chem|"], "chem", associations=["chem|normal|chem"])
    assert detect(hall).cluster.slurm.partition == "mine"


def test_a_partition_for_reservations_is_chosen_by_who_has_one() -> None:
    partitions = [partition("best", more="ReqResv=YES"), partition("mine")]
    nodes = ["best|99|gpu:8|gpu[01-99]", "mine|1|gpu:2|old1"]
    hall = Hall(partitions, nodes, reservations=[reservation("lesson", users="alice")])
    slurm_ = detect(hall).cluster.slurm
    assert (slurm_.partition, slurm_.reservation) == ("best", "lesson")


@pytest.mark.parametrize(
    ("limit", "share", "origin"),
    [
        ("MaxCPUsPerNode=8", 2, "scontrol show partition, MaxCPUsPerNode: 8 cores for 4 GPUs"),
        ("MaxCPUsPerSocket=6", 3, "scontrol show partition, MaxCPUsPerSocket: 12 cores for 4 GPUs"),
        ("MaxCPUsPerNode=3", 1, "scontrol show partition, MaxCPUsPerNode: 3 cores for 4 GPUs"),
        ("MaxCPUsPerNode=UNLIMITED", 16, "scontrol show node: 64 cores for 4 GPUs"),
    ],
)
def test_a_rank_has_no_more_processors_than_the_partition_gives(
    limit: str, share: int, origin: str
) -> None:
    found = detect(Hall([partition("gpu", more=limit)], ["gpu|1|gpu:4|gpu01"]))
    assert found.cluster.slurm.cpus_per_task == share
    assert found.origins["slurm.cpus_per_task"] == origin


@pytest.mark.parametrize("field", ["OverSubscribe=EXCLUSIVE", "Exclusive=NODE"])
def test_whole_nodes_are_announced(field: str) -> None:
    found = detect(Hall([partition("gpu", more=field)], ["gpu|1|gpu:4|gpu01"]))
    assert found.cluster.slurm.exclusive
    assert "Every job on gpu gets whole nodes, and is charged for them." in found.notes


def test_slices_of_gpus_come_after_whole_ones_and_are_named() -> None:
    partitions = [partition("mig", default=True), partition("whole")]
    nodes = ["mig|9|gpu:1g.10gb:7,shard:40|m[1-9]", "whole|1|gpu:h100:2|h1"]
    found = detect(Hall(partitions, nodes))
    assert found.cluster.slurm.partition == "whole"
    assert not any("mig" in note for note in found.notes)
    alone = detect(Hall(partitions[:1], nodes))
    assert "The GPUs of mig are slices (1g.10gb), and not whole ones." in alone.notes


def test_a_reservation_on_nodes_of_another_partition_is_not_taken() -> None:
    partitions = [partition("gpu", more="Nodes=gpu[03-09]")]
    hall = Hall(
        partitions, ["gpu|7|gpu:4|gpu[03-09]"], reservations=[reservation("day2", users="alice")]
    )
    found = detect(hall)
    assert found.cluster.slurm.reservation is None
    assert "The reservation day2 is yours, on nodes of another partition." in found.notes


@pytest.mark.parametrize(
    ("lists", "taken"),
    [
        ("AllowedPartitions=gpu QOS=(null)", True),
        ("AllowedPartitions=mig QOS=(null)", False),
        ("AllowedPartitions=-gpu QOS=(null)", False),
        ("AllowedPartitions=(null) QOS=normal", True),
        ("AllowedPartitions=(null) QOS=edu", False),
    ],
)
def test_a_reservation_may_be_for_partitions_and_qos_as_26_05_prints_it(
    lists: str, taken: bool
) -> None:
    line = reservation("lesson").replace("Users=", f"{lists} Users=")
    hall = Hall(
        [partition("gpu")],
        ["gpu|2|gpu:4|gpu[01-02]"],
        ["chem|"],
        "chem",
        reservations=[line],
        associations=["chem|normal|chem"],
    )
    assert (detect(hall).cluster.slurm.reservation == "lesson") is taken
