"""What Slurm prints about itself, in all its spellings."""

from __future__ import annotations

import pytest

from workshop.slurm.facts import access, hostlist, inventory
from workshop.slurm.facts.access import Association, User
from workshop.slurm.facts.inventory import Partition
from workshop.slurm.facts.node_state import takes_jobs

PARTITION = (
    "PartitionName=gpu_p AllowGroups=ALL AllowAccounts=ALL AllowQos=gpu_short,gpu_long "
    "AllocNodes=login[1-2] Default=NO QoS=N/A DefaultTime=NONE DisableRootJobs=YES MaxNodes=4 "
    "MaxTime=2-00:00:00 MinNodes=2 MaxCPUsPerNode=8 MaxCPUsPerSocket=UNLIMITED Nodes=g[26-35] "
    "RootOnly=NO ReqResv=YES OverSubscribe=EXCLUSIVE State=DRAIN TotalCPUs=3200 "
    "JobDefaults=DefCpuPerGPU=3,DefMemPerGPU=12500 DefMemPerCPU=2048 MaxMemPerNode=UNLIMITED"
)
# As 26.05 prints it.
RESERVATION = (
    "ReservationName=class StartTime=2026-11-30T09:00:00 EndTime=2026-11-30T17:00:00 "
    "Duration=08:00:00 Nodes=sim[03-05] NodeCnt=3 CoreCnt=96 Features=(null) PartitionName=big "
    "Flags=DAILY,SPEC_NODES TRES=cpu=192,gres/gpu=12 AllowedPartitions=big,-mig QOS=class "
    "Users=(null) Groups=(null) Accounts=chem Licenses=(null) State=ACTIVE BurstBuffer=(null) "
    "MaxStartDelay=(null) Comment=ask for NodeCnt=99"
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sim01", {"sim01"}),
        ("sim[01-03]", {"sim01", "sim02", "sim03"}),
        ("sim[01,03-04],login", {"sim01", "sim03", "sim04", "login"}),
        ("r[1-2]n[8-9]", {"r1n8", "r1n9", "r2n8", "r2n9"}),
        ("c[8-10]-ib", {"c8-ib", "c9-ib", "c10-ib"}),
        ("", set()),
        ("sim[03-01]", None),
        ("sim[1-", None),
        ("sim[a-b]", None),
        ("sim[1-999999999]", None),
        ("a[1-9999][1-9999]", None),
    ],
)
def test_node_names_are_read_from_the_short_form(text: str, names: set[str] | None) -> None:
    assert hostlist.names(text) == names


def test_nodes_in_common_are_not_known_of_a_list_that_cannot_be_read() -> None:
    assert hostlist.share("sim[01-03]", "sim[03-05]") == {"sim03"}
    assert hostlist.share("sim01", "sim02") == frozenset()
    assert hostlist.share("", "sim02") is None
    assert hostlist.share("sim[", "sim02") is None


TAKING = """
    idle mixed allocated completing planned reserved idle~ idle# idle% idle! idle@ idle^ mixed-
    mixed@ allocated+ powered_down powering_up MIX ALLOC
"""
NOT_TAKING = """
    inval idle* mixed* allocated* idle$ down down* down$ drained drained* drained@ draining
    draining@ drained~ fail fail* failing maint maint* unknown future error
"""


@pytest.mark.parametrize("state", TAKING.split())
def test_a_node_that_takes_jobs_by_itself(state: str) -> None:
    assert takes_jobs(state)


@pytest.mark.parametrize("state", [*NOT_TAKING.split(), ""])
def test_a_node_that_takes_none(state: str) -> None:
    assert not takes_jobs(state)


def test_everything_that_a_partition_demands_is_read() -> None:
    (one,) = inventory.partitions(PARTITION)
    assert (one.job_qos, one.refused_qos) == (("gpu_short", "gpu_long"), ())
    assert (one.hosts, one.no_root, one.reserved_only) == ("login[1-2]", True, True)
    assert (one.fewest, one.most, one.cpus_per_node, one.cpus_per_socket) == (2, 4, 8, None)
    assert (one.whole_nodes, one.up, one.closed) == (True, False, True)
    assert (one.memory, one.nodes) == ("DefMemPerGPU=12500", "g[26-35]")


def test_a_partition_that_demands_nothing() -> None:
    (one,) = inventory.partitions("PartitionName=a AllowQos=ALL AllocNodes=ALL MaxNodes=UNLIMITED")
    assert one.takes_qos("any")
    assert (one.hosts, one.most, one.whole_nodes, one.reserved_only) == (None, None, False, False)


@pytest.mark.parametrize("field", ["OverSubscribe=EXCLUSIVE", "Exclusive=NODE", "Exclusive=TOPO"])
def test_whole_nodes_are_read_from_either_field(field: str) -> None:
    assert inventory.partitions(f"PartitionName=a {field}")[0].whole_nodes
    assert not inventory.partitions("PartitionName=a OverSubscribe=NO Exclusive=USER")[
        0
    ].whole_nodes


def test_qos_that_are_refused() -> None:
    (one,) = inventory.partitions("PartitionName=a DenyQos=long,idle")
    assert (one.takes_qos("normal"), one.takes_qos("long")) == (True, False)


def test_everything_that_a_reservation_demands_is_read() -> None:
    (one,) = inventory.reservations(RESERVATION)
    assert (one.partition, one.partitions, one.qos) == ("big", ("big", "-mig"), ("class",))
    assert (one.accounts, one.users, one.cpus, one.count) == (("chem",), (), 192, 3)
    assert one.repeats


@pytest.mark.parametrize(
    ("kinds", "whole"),
    [
        ({"a100": 4}, {"a100": 4}),
        ({"1g.10gb": 7}, {}),
        ({"a100_1g.5gb": 7, "a100": 3}, {"a100": 3}),
        ({"nvidia_h100_80gb_hbm3_1g.10gb": 7}, {}),
        ({"1g.10gb+me": 1, "2G.20GB": 3}, {}),
        ({"": 2}, {"": 2}),
    ],
)
def test_slices_are_no_whole_gpus(kinds: dict[str, int], whole: dict[str, int]) -> None:
    assert inventory.whole(kinds) == whole


# Who may use what


def of(**fields: object) -> Partition:
    plain = Partition("gpu", False, True, None, None, (), None, None, None)
    return Partition(**{**vars(plain), **fields})


def holder(*qos: str, default: str = "") -> User:
    mine = (Association("chem", qos, default),)
    return User("alice", ("users",), (("chem", ""),), "chem", mine, "login1")


@pytest.mark.parametrize(
    ("user", "partition", "usable", "needed"),
    [
        (holder("normal"), of(), True, None),
        (holder("normal", "gpu"), of(job_qos=("gpu",)), True, "gpu"),
        (holder("normal", "gpu", default="gpu"), of(job_qos=("gpu",)), True, None),
        (holder("gpu"), of(job_qos=("gpu",)), True, None),  # the only one is the default
        (holder("normal"), of(job_qos=("owners",)), False, None),
        (holder("normal", "long"), of(refused_qos=("normal",)), True, "long"),
        (holder("normal"), of(refused_qos=("normal",)), False, None),
        (holder(), of(job_qos=("owners",)), True, None),  # not known: Slurm decides
        (holder("normal"), of(hosts="login[1-2].hall.org"), True, None),
        (holder("normal"), of(hosts="login[3-4]"), False, None),
        (holder("normal"), of(groups=("staff",)), False, None),
        (holder("normal"), of(accounts=("bio",)), False, None),
        (holder("normal"), of(refused=("chem",)), False, None),
    ],
)
def test_what_a_user_may_use(
    user: User, partition: Partition, usable: bool, needed: str | None
) -> None:
    assert user.may_use(partition) is usable
    if usable:
        assert user.needs_qos(partition, "chem") == needed


def test_associations_of_another_cluster_are_not_ours() -> None:
    rows = "chem|normal,gpu|chem|gpu|hall\nbio|long|chem||elsewhere\nart|normal|art\n"
    found = access.associations(lambda command: rows, "alice", "hall")
    assert [(one.account, one.qos, one.default_qos) for one in found] == [
        ("chem", ("normal", "gpu"), "gpu"),
        ("art", ("normal",), ""),
    ]
