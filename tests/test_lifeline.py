"""Ranks learn within seconds that another has ended, whatever it died of and whenever."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import HANG, wait_for

from workshop.runner.ranks.lifeline import Lifeline, RankLostError, follows_from_loss
from workshop.runner.ranks.meeting import meet
from workshop.runner.ranks.rank import Rank
from workshop.util.errors import UsageError

PROGRAM = Path(__file__).with_name("lifeline_rank.py")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Ranks:
    """Processes of ``lifeline_rank.py``, each told what to do; those told None do not start."""

    def __init__(self, *what: str | None) -> None:
        self.port = free_port()
        self.count = len(what)
        self.processes = {
            rank: self.start(rank, do) for rank, do in enumerate(what) if do is not None
        }

    def start(self, rank: int, do: str) -> subprocess.Popen[str]:
        command = [sys.executable, PROGRAM, rank, self.count, self.port, do]
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROGRAM.parents[1],
        )

    def await_meeting(self) -> None:
        for process in self.processes.values():
            assert process.stdout is not None
            assert process.stdout.readline() == "met\n"

    def let_fail(self, rank: int) -> None:
        """Only now: one that failed while others are still meeting would keep them from it."""
        stdin = self.processes[rank].stdin
        assert stdin is not None
        stdin.write("now\n")
        stdin.flush()

    def last_line(self, rank: int) -> str:
        """The last line of a rank, which ends without waiting for what never comes."""
        out, _ = self.processes[rank].communicate(timeout=HANG)
        return out.splitlines()[-1]

    def hears(self, rank: int) -> bool:
        """Whether a rank has a connection to another, to which a thread of its listens."""
        return len(os.listdir(f"/proc/{self.processes[rank].pid}/task")) > 1

    def kill(self, rank: int) -> int:
        process = self.processes[rank]
        process.send_signal(signal.SIGKILL)
        process.wait()
        return process.pid


@contextlib.contextmanager
def running(*what: str | None) -> Iterator[Ranks]:
    ranks = Ranks(*what)
    try:
        yield ranks
    finally:
        for process in ranks.processes.values():
            process.kill()
            process.wait()


def test_nobody_is_missed_who_ends_as_he_should() -> None:
    with running("end", "end", "end") as ranks:
        assert [ranks.last_line(rank) for rank in range(3)] == ["all went well"] * 3


def test_a_rank_that_fails_tells_all_others_why() -> None:
    """Itself, too: it waits until rank 0 has had the time to write its record."""
    with running("wait", "wait", "fail") as ranks:
        ranks.await_meeting()
        ranks.let_fail(2)
        for rank in range(2):
            line = ranks.last_line(rank)
            assert line == "rank 2: the GPU's memory is full; take a smaller model"
        assert ranks.last_line(2) == "rank 2: the GPU's memory is full"


@pytest.mark.parametrize("victim", [0, 1])
def test_a_rank_that_is_killed_is_missed_by_all_even_where_they_are_stuck(victim: int) -> None:
    with running("wait", "wait", "wait") as ranks:
        ranks.await_meeting()
        pid = ranks.kill(victim)
        who = "on 127.0.0.1" if victim == 0 else f"process {pid} on {socket.gethostname()}"
        for rank in {0, 1, 2} - {victim}:
            line = ranks.last_line(rank)
            assert line.startswith(f"rank {victim} ({who}) ended without a message; it was killed")
            assert ranks.processes[rank].returncode == 1


def test_a_rank_that_is_killed_before_all_have_come_is_not_waited_for() -> None:
    with running("end", "end", None) as ranks:
        wait_for(lambda: ranks.hears(0))  # rank 1 is there, and waits with rank 0 for rank 2
        pid = ranks.kill(1)
        assert ranks.last_line(0).startswith(f"rank 1 (process {pid}")


@pytest.mark.parametrize("lives", [0, 1])
def test_a_rank_that_ends_before_it_can_join_is_not_waited_for(lives: int) -> None:
    """On this machine: there submitit's controller, here a shell, is the parent of all ranks."""
    rank = shlex.join(map(str, [sys.executable, PROGRAM, lives, 2, free_port(), "end"]))
    done = subprocess.run(
        ["bash", "-c", f"sleep 0.1 & {rank} & wait -n; wait"],
        capture_output=True,
        text=True,
        cwd=PROGRAM.parents[1],
        env={**os.environ, "SUBMITIT_EXECUTOR": "local"},
        timeout=HANG,
        check=True,
    )
    why = "ended before it could join" if lives == 0 else "cannot be reached at 127.0.0.1:"
    assert done.stdout.startswith(f"rank {1 - lives} {why}")


def test_whoever_else_comes_to_the_port_is_turned_away() -> None:
    with running("end", None) as ranks:
        for greeting in (b"GET / HTTP/1.1\r\n\r\n", b'{"rank": 7}\n', b'[1]\n{"rank": [1]}\n', b""):
            with stranger(ranks.port) as connection:
                connection.sendall(greeting)
                connection.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionResetError):
                    assert connection.recv(1) == b""
        ranks.processes[1] = ranks.start(1, "end")
        assert [ranks.last_line(rank) for rank in range(2)] == ["all went well"] * 2


def test_a_port_that_another_program_has_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"cannot meet at port {port} of this node"):
            meet(Rank(0, 2, port=port))


def stranger(port: int) -> socket.socket:
    def connected() -> socket.socket | None:
        with contextlib.suppress(OSError):  # nobody listens yet
            return socket.create_connection(("127.0.0.1", port), timeout=HANG)
        return None

    return wait_for(connected)


@pytest.mark.parametrize(
    ("error", "follows"),
    [
        (RuntimeError("[gloo/transport/tcp/pair.cc:538] Connection closed by peer"), True),
        (RuntimeError("NCCL error in: ProcessGroupNCCL.cpp:3690, remote process exited"), True),
        (ConnectionResetError("Connection reset by peer"), True),
        (MemoryError("DefaultCPUAllocator: can't allocate memory"), False),
        (ValueError("shapes do not fit"), False),
    ],
)
def test_an_error_that_comes_of_a_loss_is_told_from_one_of_its_own(
    error: Exception, follows: bool
) -> None:
    assert follows_from_loss(error) == follows


def test_a_rank_whose_parent_is_not_its_controller_knows_that_this_one_has_ended() -> None:
    """Killed before the rank had started, it was replaced by a process that ends never."""
    program = (
        "from workshop.runner.ranks.parent import end_after_parent; print(end_after_parent(1))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == ("False\n" if sys.platform == "linux" else "True\n"), done.stderr


@pytest.mark.parametrize(
    ("own", "lost", "reports"),
    [
        (0, None, True),
        (1, None, True),
        (0, 2, True),  # rank 0 reports for all
        (1, 2, False),
        (2, 2, True),  # its own failure
        (1, 0, True),  # nobody else is left to report that rank 0 is lost
    ],
)
def test_who_reports_how_the_run_ended(own: int, lost: int | None, reports: bool) -> None:
    error = None if lost is None else RankLostError(lost, "the GPU's memory is full")
    assert Lifeline(Rank(own, 3), lost=error).reports_end() == reports


def test_the_last_word_is_granted_to_one_thread_alone() -> None:
    line, granted = Lifeline(Rank(0, 2)), threading.Event()

    def claim() -> None:
        line.claim_last_word()
        granted.set()

    line.claim_last_word()
    threading.Thread(target=claim, daemon=True).start()
    assert not granted.wait(0.2)
    assert line.reports_end()  # a question, which may be asked again and again
