"""The layers of isolation: which there are, what they let through; one server serves many."""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from pathlib import Path

import pytest
from attack_builders import HERE, RIGHT, WALLED, graded, hand_in, server, servers
from hypothesis import given
from hypothesis import strategies as st
from patience import HANG

from workshop.judge import judge, landlock, places, seccomp
from workshop.judge.confine import Layers, trial
from workshop.judge.isolation import (
    STRONGEST_FIRST,
    WHAT_IT_MEANS,
    Isolation,
    IsolationError,
    describe,
    require,
    strongest,
    works,
)
from workshop.judge.judge import RunEndedError, student
from workshop.judge.limits import Limits
from workshop.judge.plain import MOST_VALUES, NotPlainError, count, encode
from workshop.judge.server import ForkServer, room
from workshop.judge.unusual import MOST, Unusual, unusual
from workshop.util.assets import folder

__all__ = ["server", "servers"]  # fixtures


# --- which there are -----------------------------------------------------------------------------


def test_the_strongest_that_works_is_taken_and_what_it_means_is_said() -> None:
    found = strongest()
    assert found == HERE[0]
    assert require("process") == found
    assert set(WHAT_IT_MEANS) == set(STRONGEST_FIRST)


@pytest.mark.parametrize("there", [False, True], ids=["not installed", "forbidden"])
def test_without_bubblewrap_less_is_refused_with_what_to_do(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if there:
        (tmp_path / "bwrap").write_text("#!/bin/sh\necho No permissions >&2\nexit 1\n")
        (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not works("bubblewrap")
    assert strongest() != "bubblewrap"
    with pytest.raises(IsolationError, match="apt-get install bubblewrap"):
        require("bubblewrap")


def test_walls_in_which_nothing_starts_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    words = "does not start in the isolation 'bubblewrap'"
    with pytest.raises(IsolationError, match=words), room("bubblewrap"):
        pass
    assert "No permissions" in capfd.readouterr().err


def test_walls_are_described_in_a_line() -> None:
    assert describe("bubblewrap", 7, True) == "bubblewrap, landlock 7, seccomp"
    assert describe("bubblewrap", 0, True) == "bubblewrap, no landlock, seccomp"
    assert describe("landlock", 3, False) == "landlock 3, no seccomp filter for this processor"
    assert describe("process", 7, True) == "process"


# --- what may be read ----------------------------------------------------------------------------


def test_what_is_beside_the_hidden_is_listed_and_nothing_above_it(tmp_path: Path) -> None:
    for name in ("a/b/hidden/x", "a/b/kept/x", "a/c/x"):
        (tmp_path / name).mkdir(parents=True)
    place = tmp_path / "a"
    beside = list(places.without(place, [place / "b" / "hidden"]))
    assert beside == [place / "b" / "kept", place / "c"]
    assert list(places.without(place, [])) == [place]
    assert list(places.without(place, [place])) == []


def test_no_folder_with_a_home_in_it_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path.home().resolve()
    assert not any(home.is_relative_to(place.resolve()) for place in places.needed())
    monkeypatch.setenv("LD_LIBRARY_PATH", f"/:{home}:{home.parent}")
    assert not any(home.is_relative_to(place.resolve()) for place in places.needed())


def test_this_package_is_hidden_under_whatever_name_a_place_has(tmp_path: Path) -> None:
    linked = tmp_path / "lib64"
    linked.symlink_to(places.PACKAGE.parent)
    assert linked / places.PACKAGE.name in places.hidden(linked)


# --- Landlock and seccomp ------------------------------------------------------------------------


@pytest.mark.skipif(
    not os.environ.get("WORKSHOP_REQUIRE_BUBBLEWRAP"), reason="not said to have to work: CI does"
)
def test_walls_of_bubblewrap_work_where_they_have_to() -> None:
    """Else the tests in them would be left out without a word."""
    assert "bubblewrap" in HERE


@pytest.mark.skipif("landlock" not in HERE, reason="this kernel has no Landlock")
@pytest.mark.parametrize("version", [1, 2, 3, 4, 6])
def test_older_kernels_are_asked_only_for_what_they_know(version: int) -> None:
    fence = landlock.fence([], version)
    try:
        assert trial(Layers(fence, False))
    finally:
        os.close(fence.closed)
        os.close(fence.loopback)


def verdict(machine: str, program: bytes, number: int, first: int = 0) -> int:
    """What the kernel would make of a system call: 0, or the error."""
    shown = struct.pack("=IIQQ", number, seccomp.AUDIT[machine], 0, first)
    steps = list(struct.iter_unpack("=HBBI", program))
    at, loaded = 0, 0
    while True:
        code, yes, no, value = steps[at]
        at += 1
        if code == seccomp.LOAD:
            (loaded,) = struct.unpack_from("=I", shown, value)
        elif code == seccomp.RETURN:
            return 0 if value == seccomp.ALLOW else value & 0xFFFF
        else:
            true = {
                seccomp.EQUAL: loaded == value,
                seccomp.AT_LEAST: loaded >= value,
                seccomp.ANY_BIT: bool(loaded & value),
            }[code]
            at += yes if true else no


@pytest.mark.parametrize("machine", seccomp.AUDIT)
@pytest.mark.parametrize("network", [False, True])
@pytest.mark.parametrize("processes", [False, True])
def test_the_filter_refuses_what_it_lists(machine: str, network: bool, processes: bool) -> None:
    program = seccomp.compiled(machine, network, processes)
    column = list(seccomp.AUDIT).index(machine)
    for name, numbers in seccomp.REFUSED.items():
        if numbers[column] is not None:
            assert verdict(machine, program, numbers[column]) == errno.EPERM, name
    clone, sigchld, thread = seccomp.CLONE[machine], 17, 0x3D0F00
    assert verdict(machine, program, clone, thread) == 0
    assert verdict(machine, program, clone, sigchld) == (0 if processes else errno.EPERM)
    assert verdict(machine, program, clone, thread | 0x10000000) == errno.EPERM  # CLONE_NEWUSER
    assert verdict(machine, program, seccomp.CLONE3) == errno.ENOSYS
    for family, allowed in ((1, False), (2, network), (10, network), (16, network), (17, False)):
        said = verdict(machine, program, seccomp.SOCKET[machine], family)
        assert said == (0 if allowed else errno.EPERM)
    read = {"x86_64": 0, "aarch64": 63}[machine]
    assert verdict(machine, program, read) == 0


def test_the_filter_knows_no_other_numbering() -> None:
    program = seccomp.compiled("x86_64", True, True)
    assert verdict("x86_64", program, seccomp.X32 | 0) == errno.EPERM
    other = struct.pack("=IIQQ", 0, 0x40000003, 0, 0)  # i386, whose numbers are others
    steps = list(struct.iter_unpack("=HBBI", program))
    assert struct.unpack_from("=I", other, steps[0][3]) != (steps[1][3],)
    assert steps[2][3] == seccomp.REFUSE | errno.EPERM


COMPILES = """
import ctypes, subprocess
def compiled():
    with open("a.c", "w") as file: file.write("int answer(void) { return 42; }")
    subprocess.run(["g++", "-shared", "-fPIC", "-x", "c", "-o", "a.so", "a.c"], check=True)
    return ctypes.CDLL("./a.so").answer()
"""


def test_a_compiler_works_where_processes_are_allowed(server: ForkServer, tmp_path: Path) -> None:
    with student(server, hand_in(tmp_path, COMPILES), limits=Limits(processes=8)) as run:
        assert run.call("compiled") == 42


# --- one server for many -------------------------------------------------------------------------

LOOKS = "import os\ndef seen(): return sorted(os.listdir('.'))\n"


def test_each_finds_its_own_files_and_nothing_else(server: ForkServer, tmp_path: Path) -> None:
    for person, others in (("ada", {"notes.txt": b"mine"}), ("bob", {}), ("cy", {"big": b""})):
        file = hand_in(tmp_path / person, LOOKS)
        for name, data in others.items():
            (file.parent / name).write_bytes(data)
        (file.parent / "link").symlink_to(tmp_path / "ada" / "notes.txt")
        (file.parent / "inner").mkdir()
        with student(server, file) as run:
            assert run.call("seen") == sorted(["exercise.py", *others])


def test_a_file_that_is_too_large_is_left_out_or_told(server: ForkServer, tmp_path: Path) -> None:
    file = hand_in(tmp_path, LOOKS)
    (tmp_path / "large").write_bytes(b"x" * (judge.MOST_BYTES_OF_FILE + 1))
    with student(server, file) as run:
        assert run.call("seen") == ["exercise.py"]
    assert "cannot be read" in graded(server, tmp_path / "gone.py").message
    assert "has more than 1 MB" in graded(server, tmp_path / "large").message


def test_a_server_that_dies_between_two_runs_is_started_anew(
    servers: dict[Isolation, ForkServer], tmp_path: Path
) -> None:
    server = servers["process"]
    before = server.starts
    server.process.kill()
    server.process.wait()
    assert graded(server, hand_in(tmp_path, RIGHT)).points == 2
    assert server.starts == before + 1


def test_who_holds_up_the_server_is_not_waited_for_for_ever(
    servers: dict[Isolation, ForkServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = servers["process"]
    code = "import os, signal\ndef double(x): os.kill(os.getppid(), signal.SIGSTOP)\n"
    file = hand_in(tmp_path / "sly", code)

    def hold_up(run: judge.Student, during: pytest.MonkeyPatch) -> None:
        """With all the time that it takes to come so far, and little from then on."""
        run.call("double", 1)
        run.limits = Limits(seconds=0.5)
        during.setattr(judge, "GRACE", 0.3)

    with (
        monkeypatch.context() as during,
        pytest.raises(RunEndedError, match="held up"),
        student(server, file, limits=Limits(seconds=HANG)) as run,
    ):
        hold_up(run, during)
    assert graded(server, hand_in(tmp_path / "honest", RIGHT)).points == 2


def test_what_python_cannot_remove_is_removed(server: ForkServer, tmp_path: Path) -> None:
    code = (
        "import os\n"
        "def dig():\n"
        "    os.mkdir('closed'); os.mkdir('closed/inner'); os.chmod('closed', 0)\n"
        "    for _ in range(1500): os.mkdir('d'); os.chdir('d')\n"
    )
    with (
        contextlib.suppress(RunEndedError),  # where it is seen in time
        student(server, hand_in(tmp_path / "deep", code)) as run,
    ):
        run.call("dig")
    with student(server, hand_in(tmp_path / "next", LOOKS)) as run:
        assert run.call("seen") == ["exercise.py"]


def test_walls_are_named_by_a_server_that_is_ready(servers: dict[Isolation, ForkServer]) -> None:
    for kind in WALLED:
        assert servers[kind].layers.split(",")[0].startswith(kind)
    assert servers["process"].layers == "process"


# --- plain data, counted before it is read -------------------------------------------------------

values = st.recursive(
    st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(), inner, max_size=20),
    max_leaves=60,
)


def number_of(value: object) -> int:
    if isinstance(value, list):
        return 1 + sum(map(number_of, value))
    if isinstance(value, dict):
        return 1 + len(value) + sum(map(number_of, value.values()))
    return 1


@given(values)
def test_values_are_counted_without_being_made(value: object) -> None:
    assert count(encode(value)) == number_of(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_counted_or_refused(data: bytes) -> None:
    with contextlib.suppress(NotPlainError):
        assert count(data) <= MOST_VALUES


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xdd\xff\xff\xff\xff", "too many"),
        (b"\x91" * 100, "too deep"),
        (b"\x92\x01", "end too early"),
        (b"\xc1", "no such value"),
    ],
)
def test_what_only_claims_to_be_long_or_deep_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(NotPlainError, match=words):
        count(data)


# --- what no exercise asks for -------------------------------------------------------------------


def test_what_is_unusual_is_named_with_its_line_and_our_own_files_are_not() -> None:
    source = (
        b"import torch\nimport gc  # not ctypes\n"
        b"def double(x):\n"
        b'    """Reads no /proc."""\n'
        b"    return gc.get_objects(), open('/proc/self/maps')\n"
    )
    assert unusual(source) == [Unusual("gc", 2), Unusual("/proc", 5)]
    assert unusual(b"def (:\n\x00 'unclosed") == []
    for path in [
        *folder("exercises").glob("*/exercise.py"),
        *folder("solutions").glob("*/exercise.py"),
    ]:
        assert unusual(path.read_bytes()) == [], path


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import driver", "driver"),
        ("import os, driver as d", "driver"),
        ("from driver import held", "driver"),
        ("if x: import driver", "driver"),
        ("sys.modules['exercise']", "sys.modules"),
        ("from sys import modules", "sys.modules"),
        ("f.__globals__['Made']", "__globals__"),
        ("torch._C._DisableTorchDispatch()", "torch._C"),
        ("from torch import _C", "torch._C"),
        ("torch._dynamo.config.disable = 1", "_dynamo"),
        ("from concurrent.futures import Executor", "concurrent"),
        ("os.posix_spawn(a, b, c)", "posix_spawn"),
        ("torch.compile = f", "torch.compile"),
        ("time.perf_counter = f", "time.perf_counter"),
        ("os.environ['TORCH_COMPILE_DISABLE'] = '1'", "TORCH_COMPILE_DISABLE"),
        ("y = [eval('1')]", "eval"),
        ("import threading", "threading"),
        ("signal.signal(signal.SIGCHLD, f)", "signal.SIGCHLD"),
    ],
)
def test_what_reaches_beyond_an_exercise_is_named(code: str, what: str) -> None:
    assert what in [one.what for one in unusual(code.encode())]


@pytest.mark.parametrize(
    "code",
    [
        "model.eval()",
        "with torch.inference_mode(): model.eval()",
        "model().eval()",
        "step = torch.compile(decode, fullgraph=True)",
        "pattern = re.compile('x')",
        "def f(x: torch.Tensor = None, *, mask: torch.Tensor = None): pass",
        "mask: torch.Tensor = x",
        "torch.backends.cuda.matmul.allow_tf32 = True",
        "driver = 3",
        "self.signal = 1",
        "weights['modules'] = layers",
        "compile_it = True",
        "def evaluate(model): return model.train(False)",
    ],
)
def test_what_is_usual_is_not(code: str) -> None:
    assert unusual(code.encode()) == []


@given(st.binary(max_size=200))
def test_any_bytes_can_be_looked_at(source: bytes) -> None:
    assert len(unusual(source)) <= MOST
