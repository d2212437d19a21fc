"""What ranks do around their work, whatever that is: they meet, join, and end together."""

from __future__ import annotations

import subprocess
import sys

import pytest
from patience import HANG

from workshop.llm.weights.safetensors_file import CheckpointError
from workshop.runner.numa import Seat
from workshop.runner.ranks.group import announced, on_one_host
from workshop.runner.ranks.lifeline import Lifeline, RankLostError
from workshop.runner.ranks.meeting import free_port
from workshop.runner.ranks.rank import Rank

ONE_RANK = """
import sys, threading
from dataclasses import replace
from workshop.runner.ranks.group import announced, with_the_others
from workshop.runner.ranks.rank import Rank
from workshop.stages import settings_of
rank, port, do = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

def work(member):
    print("lines", len(member.lines), flush=True)
    if do == "interrupt":
        raise KeyboardInterrupt
    if do == "wait":  # as in an all-reduce that nothing interrupts
        threading.Event().wait()
    return "worked"

def failed(error, others):
    why = announced(error, others)
    print(why.reason, flush=True)
    return why.reason

settings = replace(settings_of("tp"), device="cpu")
print(with_the_others(settings, Rank(rank, 2, rank, port=port), work, failed))
"""


def outputs(*what: str) -> list[list[str]]:
    """The lines of two ranks, each told what to do."""
    port = str(free_port())
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_RANK, str(rank), port, do],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for rank, do in enumerate(what)
    ]
    try:
        return [process.communicate(timeout=HANG)[0].splitlines() for process in processes]
    finally:
        for process in processes:
            process.kill()


def test_ranks_work_side_by_side() -> None:
    """Rank 0 has the line on how they exchange."""
    assert outputs("work", "work") == [["lines 1", "worked"], ["lines 0", "worked"]]


@pytest.mark.parametrize("interrupted", [0, 1])
def test_an_interrupt_of_one_rank_ends_another_that_is_stuck(interrupted: int) -> None:
    what = ["wait", "wait"]
    what[interrupted] = "interrupt"
    found = outputs(*what)
    stuck = found[1 - interrupted]
    assert stuck[-1] == f"rank {interrupted}: KeyboardInterrupt: "


@pytest.mark.parametrize(
    ("hosts", "one"), [(["a", "a"], True), (["a", "b"], False), (["", ""], False), (["a"], True)]
)
def test_ranks_are_on_one_host_where_that_is_known(hosts: list[str], one: bool) -> None:
    assert on_one_host([Seat(host, frozenset([0])) for host in hosts]) == one


def test_a_failure_is_passed_on_and_never_blamed_on_its_consequence() -> None:
    assert announced(CheckpointError("cut off"), None).reason == "cut off"
    line = Lifeline(Rank(0, 2), last_words=lambda lost: None)
    line.lost = RankLostError(1, " ended without a message", "see dmesg")
    why = announced(RuntimeError("[gloo] Connection closed by peer"), line)
    assert (why.reason, why.advice) == ("rank 1 ended without a message", "see dmesg")
