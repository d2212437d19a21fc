"""What harm a submission may try to do: to who watches it, to others, to the machine, outside.

In every isolation that works here. Where ``process`` does not keep something out, that is what its
test says, and so does the table in docs/isolation.md.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from attack_builders import HERE, RIGHT, graded, hand_in, server, servers, walled
from patience import HANG

from workshop.judge.family import descendants
from workshop.judge.isolation import Isolation
from workshop.judge.judge import FaultError, RunEndedError, student
from workshop.judge.limits import Limits
from workshop.judge.server import ForkServer
from workshop.learn.exercise import exercises, questions_of
from workshop.learn.run import run_questions

__all__ = ["server", "servers", "walled"]  # fixtures

# --- harm ----------------------------------------------------------------------------------------


def test_who_kills_the_watching_process_fails_and_the_next_is_graded_as_ever(
    server: ForkServer, tmp_path: Path
) -> None:
    outcome = graded(
        server,
        hand_in(tmp_path / "sly", "import os\ndef double(x): os.kill(os.getppid(), 9)\n"),
    )
    assert outcome.points == 0
    assert "PermissionError" in outcome.message or "watches over it" in outcome.message
    assert graded(server, hand_in(tmp_path / "honest", RIGHT)).points == 2


def test_nobody_elses_process_can_be_killed(walled: ForkServer, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "1234"]) as victim:
        code = f"import os\ndef double(x): os.kill({victim.pid}, 9)\n"
        outcome = graded(walled, hand_in(tmp_path, code))
        assert outcome.message.startswith(("PermissionError", "ProcessLookupError"))
        assert victim.poll() is None
        victim.kill()


def test_other_processes_cannot_even_be_seen_in_namespaces(
    servers: dict[Isolation, ForkServer], tmp_path: Path
) -> None:
    if "bubblewrap" not in HERE:
        pytest.skip("bubblewrap does not work here")
    code = "import os\ndef pids(): return os.listdir('/proc')\n"
    with (
        student(servers["bubblewrap"], hand_in(tmp_path, code)) as run,
        pytest.raises(FaultError, match="PermissionError"),
    ):
        run.call("pids")
    code = "import os\ndef other(pid): return os.path.exists(f'/proc/{pid}')\n"
    with student(servers["bubblewrap"], hand_in(tmp_path, code)) as run:
        assert not run.call("other", os.getpid())


SURVIVOR = """
import os, signal, time
for number in range(1, 65):
    if number not in (9, 19, 32, 33):
        signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True: time.sleep(0.01)
    os._exit(0)
def double(x): return 2 * x
"""


def test_a_forked_survivor_is_killed_where_processes_are_allowed(
    server: ForkServer, tmp_path: Path
) -> None:
    with student(server, hand_in(tmp_path, SURVIVOR), limits=Limits(processes=3)) as run:
        assert run.call("double", 2) == 4
        assert set(descendants(server.process.pid)) - server.family
    assert set(descendants(server.process.pid)) - server.family == set()


def test_where_they_are_not_there_is_none(server: ForkServer, tmp_path: Path) -> None:
    outcome = graded(server, hand_in(tmp_path, SURVIVOR))
    assert outcome.points == 0
    assert "PermissionError" in outcome.message or "another process" in outcome.message


FILLING = {
    "one file": ("open('a', 'wb').write(b'x' * 30_000_000)", ("File too large", "more than 20 MB")),
    "many files": (
        "[open(f'{i}', 'wb').write(b'x' * 10_000_000) for i in range(30)]",
        ("wrote more than 100 MB", "No space left"),
    ),
    "empty files": (
        "[open(f'{i}', 'wb').close() for i in range(10**9)]", ("thousands of files",)
    ),
    "folders in folders": (
        "[(os.mkdir('d'), os.chdir('d')) for _ in range(10**9)]", ("thousands of files",)
    ),
    "closed folders": ("[os.mkdir('d'), os.chmod('d', 0), 1 / 0]", ("ZeroDivisionError",)),
}  # fmt: skip


@pytest.mark.parametrize("what", FILLING)
def test_the_disk_is_not_filled(what: str, walled: ForkServer, tmp_path: Path) -> None:
    code, words = FILLING[what]
    file = hand_in(tmp_path / "sly", f"import os\ndef fill(): {code}\n")
    with (
        pytest.raises((FaultError, RunEndedError)) as caught,
        student(walled, file, limits=Limits(HANG, file_mb=20, disk_mb=100)) as run,
    ):
        run.call("fill")
    assert any(word in str(caught.value) for word in words)
    assert graded(walled, hand_in(tmp_path / "honest", RIGHT)).points == 2


def test_nothing_is_written_outside_of_its_own_folder(walled: ForkServer, tmp_path: Path) -> None:
    places = [str(tmp_path / "there"), "/usr/there", "/dev/there", "/etc/there", "/there"]
    code = (
        "def write(place):\n"
        "    try: open(place, 'w').close()\n"
        "    except OSError: return False\n"
        "    return True\n"
    )
    with student(walled, hand_in(tmp_path / "sly", code)) as run:
        assert not any(run.call("write", place) for place in places)


@pytest.mark.parametrize("where", ["bytearray(10**7)", "mmap.mmap(-1, 10**7)"])
def test_memory_is_bounded(where: str, walled: ForkServer, tmp_path: Path) -> None:
    code = (
        "import mmap\n"
        "def hog():\n"
        "    kept = []\n"
        "    while True:\n"
        f"        kept.append({where})\n"
        "        kept[-1][::4096] = b'x' * len(kept[-1][::4096])\n"
    )
    with (
        pytest.raises((FaultError, RunEndedError), match="memory"),
        student(walled, hand_in(tmp_path, code), limits=Limits(HANG, memory_mb=200)) as run,
    ):
        run.call("hog")


def test_processes_share_what_memory_there_is(walled: ForkServer, tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "def hogs():\n"
        "    for _ in range(3):\n"
        "        if os.fork() == 0:\n"
        "            kept = [bytearray(b'x' * 10**6) for _ in range(80)]\n"
        "            time.sleep(1234)\n"
        "    time.sleep(1234)\n"
    )
    with (
        pytest.raises(RunEndedError, match="more than 200 MB of memory"),
        student(
            walled, hand_in(tmp_path, code), limits=Limits(HANG, memory_mb=200, processes=3)
        ) as run,
    ):
        run.call("hogs")


def test_hundreds_of_threads_are_too_many(walled: ForkServer, tmp_path: Path) -> None:
    code = (
        "import threading, time\n"
        "threading.stack_size(65536)\n"
        "def many():\n"
        "    for _ in range(2000): threading.Thread(target=time.sleep, args=(1234,)).start()\n"
    )
    with (
        pytest.raises((FaultError, RunEndedError), match="thread"),
        student(walled, hand_in(tmp_path, code)) as run,
    ):
        run.call("many")


def test_huge_answers_are_told_and_give_nothing(tmp_path: Path) -> None:
    questions = questions_of(exercises()["napkin"])
    answers = tmp_path / "answers.toml"
    for text in ("a = 1\n" * 10**6, "a = " + "[" * 90_000, "a = 9" + "9" * 90_000):
        answers.write_text(text)
        outcomes = list(run_questions("napkin", questions, answers))
        assert [outcome.points for outcome in outcomes] == [0] * len(questions)
        assert all(outcome.message for outcome in outcomes)


# --- the network ---------------------------------------------------------------------------------

CALLS_HOME = """
import socket
def tcp(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1): return True
def udp(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        return one.sendto(b"the inputs", ("127.0.0.1", port)) > 0
def unix(path):
    with socket.socket(socket.AF_UNIX) as one: one.connect(path)
    return True
def asks(): return socket.gethostbyname("example.org")
"""


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """A port on this machine, TCP and UDP, and the path of a socket: somebody's to call."""
    path = str(tmp_path / "socket")
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as tcp,
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp,
        closing(socket.socket(socket.AF_UNIX)) as unix,
    ):
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        udp.settimeout(0.1)
        unix.bind(path)
        unix.listen()
        yield port, path


def test_nobody_can_be_called(
    walled: ForkServer, tmp_path: Path, listening: tuple[int, str]
) -> None:
    port, path = listening
    with student(walled, hand_in(tmp_path / "sly", CALLS_HOME)) as run:
        for name, arguments in (("tcp", [port]), ("udp", [port]), ("unix", [path]), ("asks", [])):
            with pytest.raises(FaultError, match=r"Error|gaierror"):
                run.call(name, *arguments)


def test_without_walls_the_network_is_open(
    servers: dict[Isolation, ForkServer], tmp_path: Path, listening: tuple[int, str]
) -> None:
    with student(servers["process"], hand_in(tmp_path / "sly", CALLS_HOME)) as run:
        assert run.call("tcp", listening[0]) is True


def test_where_an_exercise_needs_loopback_namespaces_have_one_of_their_own(
    servers: dict[Isolation, ForkServer], tmp_path: Path, listening: tuple[int, str]
) -> None:
    if "bubblewrap" not in HERE:
        pytest.skip("bubblewrap does not work here")
    code = CALLS_HOME + (
        "def self_call():\n"
        "    with socket.create_server(('127.0.0.1', 0)) as one:\n"
        "        return tcp(one.getsockname()[1])\n"
    )
    limits = Limits(network="loopback")
    with student(servers["bubblewrap"], hand_in(tmp_path / "sly", code), limits=limits) as run:
        assert run.call("self_call") is True
        with pytest.raises(FaultError, match="ConnectionRefusedError"):
            run.call("tcp", listening[0])
