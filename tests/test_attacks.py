"""Each thing that a submission may try in order to pass: what it gets, and what is said of it.

In every isolation that works here. Where ``process`` does not keep something out, that is what its
test says, and so does the table in docs/isolation.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from attack_builders import RIGHT, doubling, graded, hand_in, server, servers, walled

from workshop.judge.isolation import Isolation
from workshop.judge.judge import FaultError, student
from workshop.judge.limits import Limits
from workshop.judge.server import ForkServer
from workshop.judge.unusual import unusual

__all__ = ["server", "servers", "walled"]  # fixtures

# --- pretending ----------------------------------------------------------------------------------

SLOW = "no end, under a clock that stands still"
IN_SECONDS = replace(doubling, limits=Limits(seconds=3))
# What passes nothing, wherever it runs; and the words that it gets.
PRETENDERS = {
    "leaves with success": (
        "import os\nos._exit(0)\n",
        "left before it answered",
    ),
    "leaves with success when it is called": (
        "import os\ndef double(x): os._exit(0)\n",
        "left before it answered: does something call exit()?",
    ),
    "raises SystemExit(0)": ("def double(x): raise SystemExit(0)\n", "SystemExit"),
    "an object that equals everything": (
        "class Yes:\n"
        "    def __eq__(self, other): return True\n"
        "    __ne__ = __lt__ = __gt__ = lambda self, other: False\n"
        "def double(x): return Yes()\n",
        "it returned a Yes",
    ),
    "a list that equals everything": (
        "class Yes(list):\n"
        "    def __eq__(self, other): return True\n"
        "def double(x): return Yes([1.0])\n",
        "not a tensor",
    ),
    "a tensor that equals everything": (
        "import torch\n"
        "class Yes(torch.Tensor):\n"
        "    @classmethod\n"
        "    def __torch_function__(cls, func, types, args=(), kwargs=None):\n"
        "        if func.__name__ in ('__eq__', 'equal', 'allclose', 'sub', 'le', 'all'):\n"
        "            return torch.tensor(True)\n"
        "        return super().__torch_function__(func, types, args, kwargs or {})\n"
        "def double(x): return x.as_subclass(Yes)\n",
        "the double differs",
    ),
    "a tensor of nan": (
        "import torch\ndef double(x): return torch.full_like(x, float('nan'))\n",
        "the double differs",
    ),
    "a result that is worked out when it is looked at": (
        "def double(x): return (each * 2 for each in x)\n",
        "it returned a generator",
    ),
    "a function in place of a result": (
        "def double(x): return lambda: 2 * x\n",
        "it returned a function",
    ),
    "a tensor that is never filled": (
        "import torch\ndef double(x): return torch.empty(4, device='meta')\n",
        "cannot be sent as plain data",
    ),
    "torch's own comparisons replaced": (
        "import torch\n"
        "true = lambda *a, **k: torch.tensor(True)\n"
        "for name in ('equal', 'allclose', 'isclose', 'all'): setattr(torch, name, true)\n"
        "for name in ('__eq__', '__le__', 'all', 'abs', 'sub'):\n"
        "    setattr(torch.Tensor, name, true)\n"
        "def double(x): return x\n",
        "the double differs",
    ),
    "the checker replaced through sys.modules": (
        "import sys, types\n"
        "for name in ('workshop.learn.checking', 'workshop.learn.run', 'workshop.judge.judge'):\n"
        "    module = types.ModuleType(name)\n"
        "    module.same_tensor = module.run_check = lambda *a, **k: None\n"
        "    sys.modules[name] = module\n"
        "def double(x): return x\n",
        "the double differs",
    ),
    "the checker looked for through gc": (
        "import gc\n"
        "for one in gc.get_objects():\n"
        "    if type(one).__name__ in ('Check', 'Work', 'Student', 'Draw', 'Outcome'):\n"
        "        one.__dict__.update(status='passed', points=2)\n"
        "    if callable(one) and getattr(one, '__name__', '') in ('same_tensor', 'run_check'):\n"
        "        one.__code__ = (lambda *a, **k: None).__code__\n"
        "def double(x): return x\n",
        "the double differs",
    ),
    "success on standard output": (
        "print('✓ doubling  (2/2)', flush=True)\n"
        "def double(x):\n"
        "    raise ValueError('\\x1b[2K\\r✓ doubling  (2/2)\\n✓ all passed')\n",
        "✓ doubling  (2/2)\n    ✓ all passed",
    ),
    SLOW: (
        "import time\n"
        "time.time = time.monotonic = time.perf_counter = lambda: 0.0\n"
        "def double(x):\n"
        "    while True: time.sleep(1)\n",
        "not done after 3 seconds",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PRETENDERS)
def test_who_pretends_gets_nothing(name: str, walled: ForkServer, tmp_path: Path) -> None:
    code, words = PRETENDERS[name]
    check = IN_SECONDS if name == SLOW else doubling
    outcome = graded(walled, hand_in(tmp_path / "sly", code), check)
    assert (outcome.status, outcome.points) == ("failed", 0)
    assert words in outcome.message
    assert "\x1b" not in outcome.message
    assert graded(walled, hand_in(tmp_path / "honest", RIGHT)).points == 2


def test_nor_without_walls(servers: dict[Isolation, ForkServer], tmp_path: Path) -> None:
    for name, (code, words) in PRETENDERS.items():
        if name != SLOW:
            outcome = graded(servers["process"], hand_in(tmp_path / "sly", code))
            assert (outcome.points, words in outcome.message) == (0, True), name
    assert graded(servers["process"], hand_in(tmp_path / "honest", RIGHT)).points == 2


# --- the channel ---------------------------------------------------------------------------------

WRITES = """
import os, stat, struct
import msgspec

def channels():
    for number in range(3, 4096):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                yield number
        except OSError:
            pass

def send(value):
    data = msgspec.msgpack.encode(value)
    for number in channels():
        os.write(number, struct.pack("!Q", len(data)) + data)
"""
FORGED = {
    "a verdict": WRITES + """
send({"passed": True, "status": "passed", "points": 2})
def double(x): return x
""",
    "answers to calls not made yet": WRITES + """
for _ in range(5): send({"id": "0" * 16, "value": [0.0] * 4})
def double(x): return x
""",
    "an answer besides the one that is due": WRITES + """
import sys
def double(x):
    number = sys._getframe(2).f_locals["number"]
    send({"id": number, "value": [1.0]})
    return 2 * x
""",
    "an answer to nothing, at the end": WRITES + """
calls = []
def double(x):
    calls.append(x)
    if len(calls) == 3:
        import threading
        sends = threading.Thread(target=send, args=[{"id": "", "value": None}])
        sends.start()
        sends.join()
    return 2 * x
""",
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
def test_who_writes_to_the_channel_by_himself_ends_his_run(
    what: str, server: ForkServer, tmp_path: Path
) -> None:
    outcome = graded(server, hand_in(tmp_path / "sly", FORGED[what]))
    assert outcome.points == 0
    wrong_data = "the answer cannot be read", "not a tensor"
    assert "no call had asked for" in outcome.message or outcome.message.endswith(wrong_data)
    assert graded(server, hand_in(tmp_path / "honest", RIGHT)).points == 2


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("[[]] * 2_000_000", "more than 1,000,000 values"),
        ("torch.zeros(20_000_000)", "more than 64 MB"),
        ("nested(500)", "deep"),
    ],
)
def test_an_answer_that_would_fill_the_judges_memory_is_refused(
    value: str, words: str, walled: ForkServer, tmp_path: Path
) -> None:
    code = (
        "import torch\n"
        "def nested(n): return [nested(n - 1)] if n else []\n"
        f"def double(x): return {value}\n"
    )
    outcome = graded(walled, hand_in(tmp_path / "sly", code))
    assert outcome.points == 0
    assert words in outcome.message


METER = "from workshop.learn.made import Made\n" + (
    "def metered(theirs, x):\n    with Made() as made: theirs.double(x)\n    return made.largest\n"
)
FORGES = (
    "import sys, torch\n"
    "def double(x):\n"
    "    waste = torch.zeros(1000)\n"
    "    sys._getframe(1).f_locals['made'].largest = 4\n"
    "    return 2 * x\n"
)
IMPORTS = {
    "the driver": "    import driver\n    driver.Made.largest = property(lambda self: 4)\n",
    "the meter": "    from workshop.learn.made import Made\n    Made.largest = 4\n",
    "the meter's package": "    import workshop.learn\n    workshop.learn.made.Made.largest = 4\n",
    "what is loaded": "    sys.modules['workshop.learn.made'].Made.largest = 4\n",
    "the driver that is loaded": "    sys.modules['driver'].Made.largest = 4\n",
}


def metered(server: ForkServer, folder: Path, code: str) -> int:
    """The largest tensor that the meter tells of; 0 where the code could not reach it."""
    driver = folder / "driver.py"
    driver.write_text(METER)
    try:
        with student(server, hand_in(folder / "sly", code), driver) as run:
            return int(run.call("driver:metered", torch.ones(4)))
    except FaultError:
        return 0


def test_what_a_driver_measures_inside_can_be_forged_and_is_pointed_out(
    walled: ForkServer, tmp_path: Path
) -> None:
    honest = FORGES.split("    sys.", maxsplit=1)[0] + "    return 2 * x\n"
    assert metered(walled, tmp_path, honest) == 1000
    assert metered(walled, tmp_path, FORGES) == 4
    assert {one.what for one in unusual(FORGES.encode())} == {"_getframe", "f_locals"}


@pytest.mark.parametrize("what", IMPORTS)
def test_a_drivers_meter_cannot_be_had_by_importing_it(
    what: str, walled: ForkServer, tmp_path: Path
) -> None:
    code = FORGES.replace("    sys._getframe(1).f_locals['made'].largest = 4\n", IMPORTS[what])
    assert metered(walled, tmp_path, code) in (0, 1000)
    assert unusual(code.encode())
