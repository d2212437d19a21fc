"""Which cores and memory a rank keeps to, told from made-up hosts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop.runner import numa
from workshop.runner.models import EMBEDDED
from workshop.runner.numa import Seat, Share, numa_nodes, numbers, ranges, share_of, threads_of
from workshop.runner.ranks.meeting import free_port

HERE = "3e2c9f5a"


def host(root: Path, **cores: str) -> Path:
    """A /sys/devices/system/node with a cpulist for each node."""
    for node, text in cores.items():
        (root / node).mkdir()
        (root / node / "cpulist").write_text(f"{text}\n")
    for other in ("possible", "has_memory", "has_cpu"):  # files that lie there too
        (root / other).write_text("0-1\n")
    return root


def seats(*cores: str, of: str = HERE) -> list[Seat]:
    return [Seat(of, numbers(text)) for text in cores]


def shares(root: Path, ranks: list[Seat]) -> list[str]:
    return [str(share_of(rank, ranks, numa_nodes(root))) for rank in range(len(ranks))]


def test_two_ranks_take_a_node_each(tmp_path: Path) -> None:
    root = host(tmp_path, node0="0-15", node1="16-31")
    both = seats("0-31", "0-31")
    assert shares(root, both) == ["NUMA node 0: cores 0-15", "NUMA node 1: cores 16-31"]
    assert [threads_of(rank, both, numa_nodes(root)) for rank in range(2)] == [16, 16]


def test_two_ranks_take_neighbouring_nodes_where_there_are_more(tmp_path: Path) -> None:
    """Those of a processor lie side by side; ten comes after two."""
    root = host(tmp_path, node10="24-31", node2="16-23", node1="8-15", node0="0-7")
    both = seats("0-31", "0-31")
    assert shares(root, both) == ["NUMA nodes 0-1: cores 0-15", "NUMA nodes 2,10: cores 16-31"]


def test_four_ranks_share_two_nodes(tmp_path: Path) -> None:
    """And divide their cores as threads, not by number: which are two halves of one is not told."""
    root = host(tmp_path, node0="0-3,8-11", node1="4-7,12-15")
    four = seats(*["0-15"] * 4)
    first, second = "NUMA node 0: cores 0-3,8-11", "NUMA node 1: cores 4-7,12-15"
    assert shares(root, four) == [first, first, second, second]
    assert [threads_of(rank, four, numa_nodes(root)) for rank in range(4)] == [4] * 4


def test_one_node_is_not_divided(tmp_path: Path) -> None:
    root = host(tmp_path, node0="0-3")
    both = seats("0-3", "0-3")
    assert shares(root, both) == ["None", "None"]
    assert [threads_of(rank, both, numa_nodes(root)) for rank in range(2)] == [2, 2]


def test_a_node_of_memory_alone_is_no_place_for_a_rank(tmp_path: Path) -> None:
    """Memory behind a link, or the fast one of a processor that has two kinds."""
    root = host(tmp_path, node0="0-3", node1="", node2="4-7", node3="")
    assert shares(root, seats("0-7", "0-7")) == [
        "NUMA node 0: cores 0-3",
        "NUMA node 2: cores 4-7",
    ]


def test_only_cores_that_the_ranks_may_use_count(tmp_path: Path) -> None:
    root = host(tmp_path, node0="0-7", node1="8-15")
    assert shares(root, seats("4-11", "4-11")) == [
        "NUMA node 0: cores 4-7",
        "NUMA node 1: cores 8-11",
    ]
    one_node = seats("0-3", "0-3")
    assert shares(root, one_node) == ["None", "None"]
    assert threads_of(0, one_node, numa_nodes(root)) == 2


@pytest.mark.parametrize(
    ("allowed", "ranks"),
    [("0-23", 2), ("0-8", 2)],
    ids=["three nodes for two ranks", "eight cores and one"],
)
def test_what_would_be_lopsided_is_left_alone(tmp_path: Path, allowed: str, ranks: int) -> None:
    """All ranks wait for the slowest."""
    root = host(tmp_path, node0="0-7", node1="8-15", node2="16-23")
    assert set(shares(root, seats(*[allowed] * ranks))) == {"None"}


def test_ranks_that_are_bound_already_stay_as_they_are(tmp_path: Path) -> None:
    """By Slurm, say: each has its cores, and as many threads."""
    root = host(tmp_path, node0="0-15", node1="16-31")
    bound = seats("0-7,16-23", "8-15,24-31")
    assert shares(root, bound) == ["None", "None"]
    assert [threads_of(rank, bound, numa_nodes(root)) for rank in range(2)] == [16, 16]


def test_ranks_of_other_hosts_take_nothing_away(tmp_path: Path) -> None:
    root = host(tmp_path, node0="0-7", node1="8-15")
    four = [*seats("0-15", of="a"), *seats("0-15", of="b")]
    assert shares(root, four) == ["None", "None"]
    assert threads_of(1, four, numa_nodes(root)) == 16
    both = [*seats("0-15", "0-15", of="a"), *seats("0-15", "0-15", of="b")]
    first, second = "NUMA node 0: cores 0-7", "NUMA node 1: cores 8-15"
    assert shares(root, both) == [first, second, first, second]
    assert threads_of(3, both, numa_nodes(root)) == 8


def test_without_such_a_tree_nothing_is_done(tmp_path: Path) -> None:
    assert numa_nodes(tmp_path / "missing") == {}
    assert share_of(0, seats("0-3", "0-3"), {}) is None
    assert threads_of(0, seats("0-3", "0-3", of=""), {}) == 2
    (tmp_path / "node0").mkdir()
    assert numa_nodes(host(tmp_path, node1="none")) == {}


def test_a_rank_has_one_thread_at_least() -> None:
    assert threads_of(0, seats(*["0-1"] * 4), {}) == 1


@given(st.frozensets(st.integers(0, 300), min_size=1))
def test_lists_of_cores_are_read_as_they_are_written(cores: frozenset[int]) -> None:
    assert numbers(ranges(cores)) == cores


def test_binding_keeps_a_process_to_its_cores() -> None:
    """On whatever this machine has: a node of one core that this process may use."""
    core = min(os.sched_getaffinity(0))
    child = os.fork()
    if child == 0:
        bound = numa.bind(Share((0,), frozenset([core])))
        os._exit(0 if bound and os.sched_getaffinity(0) == {core} else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_cores_that_are_not_there_are_not_bound_to() -> None:
    before = os.sched_getaffinity(0)
    assert not numa.bind(Share((7,), frozenset([100_000])))
    assert os.sched_getaffinity(0) == before


def test_this_machine_has_the_cores_that_this_process_may_use() -> None:
    seat = numa.this_seat()
    assert seat.cores == os.sched_getaffinity(0)
    nodes = numa_nodes()
    if nodes:  # a container may hide them
        assert seat.cores <= frozenset().union(*nodes.values())


ONE_RANK = """
import os, sys
from dataclasses import replace
from workshop.runner import numa
from workshop.runner.launch import measure_rank
from workshop.runner.ranks.rank import Rank
from workshop.stages import settings_of
rank, port, model, first, second = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
numa.numa_nodes = lambda: {0: frozenset([int(first)]), 1: frozenset([int(second)])}
settings = replace(settings_of("tp"), model=model, compile=False, samples=1, new_tokens=4)
result = measure_rank(settings, Rank(rank, 2, rank, port=port), sys.stdout)
print("threads", result.threads, "cores", *os.sched_getaffinity(0))
"""


def test_ranks_of_a_run_take_a_node_each_and_say_so() -> None:
    """Two cores of this machine stand for two nodes; the system's own policy is left to it."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        pytest.skip("needs two cores")
    words = [str(free_port()), str(EMBEDDED / "draft"), *map(str, cores)]
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_RANK, str(rank), *words], stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    for rank, process in enumerate(ranks):
        lines = process.communicate(timeout=120)[0].splitlines()
        assert process.returncode == 0
        prefix = "[rank 1] " if rank else ""
        assert lines[0] == f"{prefix}rank {rank} on NUMA node {rank}: cores {cores[rank]}"
        assert lines[-1] == f"threads 1 cores {cores[rank]}"
