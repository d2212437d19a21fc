"""What a submission may try to find out: the answers, others' work, the judge's secrets.

In every isolation that works here. Where ``process`` does not keep something out, that is what its
test says, and so does the table in docs/isolation.md.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from attack_builders import HINTS, RIGHT, graded, hand_in, server, servers, walled

from workshop.judge.isolation import Isolation
from workshop.judge.judge import student
from workshop.judge.places import SHOWN
from workshop.judge.server import ForkServer
from workshop.learn.checking import Work, check
from workshop.learn.exercise import checks_of, exercises
from workshop.learn.run import run_check
from workshop.util.assets import folder

__all__ = ["server", "servers", "walled"]  # fixtures

# --- knowing the answers -------------------------------------------------------------------------


def test_who_recognises_inputs_gains_nothing_from_it(server: ForkServer, tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []

    @check(points=2, hints=HINTS)
    def doubling(work: Work) -> None:
        seen.extend(work.draw.normal(4) for _ in range(3))

    run_check("sums", doubling, hand_in(tmp_path / "spy", RIGHT), None, server, seed=1)
    table = {hash(tuple(x.tolist())): (2 * x).tolist() for x in seen}
    code = (
        f"import torch\ntable = {table!r}\n"
        "def double(x): return torch.tensor(table[hash(tuple(x.tolist()))])\n"
    )
    file = hand_in(tmp_path / "sly", code)
    assert graded(server, file, seed=1).points == 2  # the inputs that it knows
    outcome = graded(server, file, seed=2)
    assert outcome.points == 0
    assert "KeyError" in outcome.message


MARKS = """
import os, sys
places = [os.environ["HOME"], os.getcwd(), "..", "/tmp", "/dev/shm", "/var/tmp", "/"]
name = "mark-of-an-earlier-run"
sys.modules["mark"] = os
def leave():
    left = []
    for place in places:
        try:
            with open(os.path.join(place, name), "w") as file: file.write("1")
            left.append(place)
        except OSError:
            pass
    return left
def found():
    return [place for place in places if os.path.exists(os.path.join(place, name))]
"""


def test_nothing_is_kept_from_one_run_to_the_next(walled: ForkServer, tmp_path: Path) -> None:
    file = hand_in(tmp_path / "sly", MARKS)
    with student(walled, file) as run:
        assert run.call("leave")
    with student(walled, file) as run:
        assert run.call("found") == []


def test_without_walls_what_is_written_elsewhere_stays(
    servers: dict[Isolation, ForkServer], tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    code = f"open({str(mark)!r}, 'w').close()\ndef double(x): return 2 * x\n"
    assert graded(servers["process"], hand_in(tmp_path / "sly", code)).points == 2
    assert mark.exists()


DIGS_FOR_COSTS = """
import gc, sys

def looks_like_costs(one):
    return isinstance(one, dict) and {"launch", "prefill", "step", "jitter"} <= one.keys()

def costs(device):
    frame, places = sys._getframe(), [device]
    while frame is not None:
        places += [frame.f_locals, *frame.f_locals.values()]
        frame = frame.f_back
    for one in [*places, *gc.get_objects()]:
        for found in (one, getattr(one, "__dict__", None)):
            if looks_like_costs(found): return found
            if isinstance(found, dict):
                for value in list(found.values()):
                    if looks_like_costs(value): return value
    raise LookupError("no costs anywhere")

def time_generation(device, new_tokens):
    for _ in device.generate(new_tokens): pass
    found = costs(device)
    factor = found["jitter"][0]
    ttft = found["launch"] + found["prefill"] * factor
    return ttft, found["launch"] + (new_tokens - 1) * found["step"] * factor
"""


def test_what_things_take_on_the_simulated_device_cannot_be_looked_up(
    server: ForkServer, tmp_path: Path
) -> None:
    one = exercises()["measure"]
    first = checks_of(one)[0]
    solution = one.solution / "exercise.py"
    right = run_check(one.name, first, solution, one.driver, server, 3)
    assert right.points == first.points
    outcome = run_check(one.name, first, hand_in(tmp_path, DIGS_FOR_COSTS), one.driver, server, 3)
    assert outcome.points == 0
    assert "no costs anywhere" in outcome.message


def quantize_solved() -> str:
    """A file that is the installed solution, if that can be read."""
    path = exercises()["quantize"].solution / "exercise.py"
    return f"exec(open({str(path)!r}).read())\n"


def first_check_of_quantize(server: ForkServer, file: Path) -> tuple[float, str]:
    one = exercises()["quantize"]
    outcome = run_check(one.name, checks_of(one)[0], file, None, server, 3)
    return outcome.points, outcome.message


def test_the_solution_cannot_be_read(walled: ForkServer, tmp_path: Path) -> None:
    points, message = first_check_of_quantize(walled, hand_in(tmp_path, quantize_solved()))
    assert points == 0
    assert message.startswith(("FileNotFoundError", "PermissionError"))


def test_without_walls_the_solution_can_be_read(
    servers: dict[Isolation, ForkServer], tmp_path: Path
) -> None:
    file = hand_in(tmp_path, quantize_solved())
    assert first_check_of_quantize(servers["process"], file)[0] > 0


def test_nor_a_copy_of_it_wherever_python_looks_for_this_package(
    walled: ForkServer, tmp_path: Path
) -> None:
    code = (
        "import os, sys\n"
        "def seen():\n"
        "    found = []\n"
        "    for place in sys.path:\n"
        "        for inner, _, names in os.walk(os.path.join(place, 'workshop')):\n"
        "            for name in names:\n"
        "                try:\n"
        "                    open(os.path.join(inner, name)).close()\n"
        "                    found.append(os.path.relpath(os.path.join(inner, name), place))\n"
        "                except OSError:\n"
        "                    pass\n"
        "    return found\n"
    )
    with student(walled, hand_in(tmp_path, code)) as run:
        seen = run.call("seen")
    for one in seen:
        shown = any(one.startswith(f"workshop/{name}") for name in SHOWN)
        assert shown or "__pycache__" in one, one


@pytest.mark.parametrize(
    "module", ["workshop.llm.quantization", "workshop.roofline", "workshop.learn.answers"]
)
def test_the_engine_is_no_answer_to_its_own_exercises(
    module: str, server: ForkServer, tmp_path: Path
) -> None:
    outcome = graded(server, hand_in(tmp_path, f"import {module}\n{RIGHT}"))
    assert outcome.points == 0
    assert "is not there for exercises: they are solved without it" in outcome.message


# --- other people's ------------------------------------------------------------------------------


def test_a_neighbours_folder_the_roster_and_a_home_cannot_be_read(
    walled: ForkServer, tmp_path: Path
) -> None:
    neighbour = hand_in(tmp_path / "neighbour", RIGHT)
    roster = tmp_path / "roster.csv"
    roster.write_text("id,name\n1,Ada\n")
    for place in (neighbour, roster, Path.home() / ".bashrc", Path("/etc/passwd"), folder("tests")):
        code = f"print(open({str(place)!r}).read())\n{RIGHT}"
        outcome = graded(walled, hand_in(tmp_path / "sly", code))
        assert outcome.points == 0
        assert outcome.message.startswith(("FileNotFoundError", "PermissionError"))
        assert "Ada" not in outcome.output
    linked = tmp_path / "sly" / "mine.csv"
    linked.symlink_to(roster)
    code = f"print(open('mine.csv').read())\n{RIGHT}"
    assert graded(walled, hand_in(tmp_path / "sly", code)).points == 0


def test_without_walls_files_are_as_open_as_to_who_runs_it(
    servers: dict[Isolation, ForkServer], tmp_path: Path
) -> None:
    neighbour = hand_in(tmp_path / "neighbour", RIGHT)
    code = f"exec(open({str(neighbour)!r}).read())\n"
    assert graded(servers["process"], hand_in(tmp_path / "sly", code)).points == 2


def test_the_judges_environment_and_memory_are_not_to_be_had(
    walled: ForkServer, tmp_path: Path
) -> None:
    for name in ("environ", "mem", "fd", "maps"):
        place = f"/proc/{os.getpid()}/{name}"
        code = f"import os\nos.listdir({place!r}) if {name == 'fd'} else open({place!r}).read(9)\n"
        outcome = graded(walled, hand_in(tmp_path / "sly", code + RIGHT))
        assert outcome.points == 0
        assert outcome.message.startswith(("FileNotFoundError", "PermissionError"))


def test_the_watching_process_cannot_be_looked_into(walled: ForkServer, tmp_path: Path) -> None:
    code = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def attach(): return [libc.ptrace(16, os.getppid(), 0, 0), ctypes.get_errno()]\n"
        "def stolen():\n"
        "    other = os.pidfd_open(os.getppid())\n"
        "    return [libc.syscall(438, other, 3, 0), ctypes.get_errno()]\n"
    )
    with student(walled, hand_in(tmp_path, code)) as run:
        assert run.call("attach") == [-1, 1]  # EPERM
        assert run.call("stolen") == [-1, 1]
