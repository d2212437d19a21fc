"""What people hand in who do not exist: solutions, starters and known wrong answers, by kind.

Every file begins with a line of whose it is: nothing is the same in two people's hands but what is
meant to be.
"""

from __future__ import annotations

import ast
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop.learn.exercise import ANSWERS, CODE, Exercise, exercises, questions_of
from workshop.learn.known import constant
from workshop.learn.solved import right_answer

EXERCISES = ("napkin", "measure", "quantize", "speculative", "tensor-parallel")

Files = dict[str, bytes]  # by their paths


@dataclass(frozen=True)
class Attack:
    """Code that means harm, or wants more than its due, to stand at the end of a solution."""

    name: str
    code: str


# Each takes one exercise down with it, and that one alone.
ATTACKS = (
    Attack("leaves", "import os\nos._exit(0)\n"),
    Attack("endless loop", "while True:\n    pass\n"),
    Attack("fork bomb", "import os\nwhile True:\n    os.fork()\n"),
    Attack("prints", "while True:\n    print('all checks passed ' * 1000)\n"),
    Attack("hogs memory", "kept = []\nwhile True:\n    kept.append(bytearray(10**8))\n"),
    Attack("kills its parent", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n"
           "os._exit(1)\n"),
    Attack("fills the disk", "with open('filled', 'wb') as file:\n    while True:\n"
           "        file.write(bytes(10**7))\n"),
    Attack("claims equality", "class Same(float):\n    def __eq__(self, other):\n"
           "        return True\n    __hash__ = None\n\n\n"
           "for name, one in list(globals().items()):\n"
           "    if callable(one) and getattr(one, '__module__', '') == __name__:\n"
           "        globals()[name] = lambda *a: Same(1)\n"),
    Attack("asks the network", "import socket\nsocket.create_connection(('192.0.2.1', 80), 2)\n"),
    Attack("reads a neighbour", "import glob\n"
           "source = open(sorted(glob.glob('../../*/*/exercise.py'))[0]).read()\n"
           "raise SystemExit(len(source))\n"),
    Attack("reads the solution", "import importlib, workshop.util.assets as assets\n"
           "source = (assets.folder('solutions') / {exercise!r} / 'exercise.py').read_text()\n"
           "raise SystemExit(len(source))\n"),
    Attack("forks a survivor", "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
           "    time.sleep(600)\nos._exit(0)\n"),
)  # fmt: skip


def known(names: Sequence[str]) -> dict[str, Exercise]:
    every = exercises()
    return {name: every[name] for name in names}


def code_of(exercise: Exercise, owner: str, more: str = "") -> bytes:
    """The solution, with somebody's name on it and something at its end."""
    solved = (exercise.solution / CODE).read_text(encoding="utf-8")
    return f"# {owner!a}\n{solved}\n\n{more}".encode()


def answers_of(exercise: Exercise, replaced: dict[str, Any] | None = None) -> bytes:
    """The right answers, as a participant writes them, but for those replaced."""
    right = {q.key: right_answer(q) for q in questions_of(exercise)} | (replaced or {})
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in right.items()).encode()


def good(owner: str, of: dict[str, Exercise]) -> Files:
    found: Files = {}
    for name, exercise in of.items():
        found[f"{name}/{CODE}"] = code_of(exercise, owner)
        found[f"{name}/{ANSWERS}"] = answers_of(exercise)
    return found


def partial(owner: str, of: dict[str, Exercise], rng: random.Random) -> Files:
    """Some functions are written, and half of the predictions; of the last exercise nothing is."""
    found = good(owner, of)
    for name, exercise in of.items():
        functions = to_write(exercise)
        left = rng.sample(functions, max(1, len(functions) // 2))
        todo = "\n\n".join(f"def {one}(*a):\n    raise NotImplementedError" for one in left)
        found[f"{name}/{CODE}"] = code_of(exercise, owner, todo)
        questions = questions_of(exercise)
        found[f"{name}/{ANSWERS}"] = answers_of(
            exercise, {q.key: "?" for q in questions[len(questions) // 2 :]}
        )
    last = list(of)[-1]
    for file in (CODE, ANSWERS):
        found[f"{last}/{file}"] = (of[last].folder / file).read_bytes()
    return found


def to_write(exercise: Exercise) -> list[str]:
    """The functions that a participant writes."""
    tree = ast.parse((exercise.folder / CODE).read_text(encoding="utf-8"))
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and isinstance(node.body[-1], ast.Raise)
    ]


def wrong(owner: str, of: dict[str, Exercise], rng: random.Random) -> tuple[Files, list[str]]:
    """One of the known wrong answers in two of the exercises; which ones they are."""
    found = good(owner, of)
    chosen = rng.sample(list(of), 2)
    for name in chosen:
        path = rng.choice(sorted((of[name].folder / "checks" / "wrong").glob("*.py")))
        source = path.read_text(encoding="utf-8")
        found[f"{name}/{CODE}"] = code_of(of[name], owner, source)
        found[f"{name}/{ANSWERS}"] = answers_of(of[name], constant(source, "ANSWERS"))
    return found, chosen


def hostile(
    owner: str, of: dict[str, Exercise], attack: Attack, rng: random.Random
) -> tuple[Files, str]:
    """An attack in one exercise, when its file is loaded; which one."""
    found = good(owner, of)
    name = rng.choice(list(of))
    more = attack.code.replace("{exercise!r}", repr(name))
    found[f"{name}/{CODE}"] = code_of(of[name], owner, more)
    return found, name


def strange_answers() -> list[bytes]:
    """Files of answers that no program should stumble over."""
    return [
        b"a = inf\nb = nan\nc = 0x" + b"f" * 5000 + b"\n",
        b"[" * 5000,
        b"\xff\xfe\x00",
        b"gemma_kv_cache_gb = [[[1979-05-27]]]\nllama_token_ms = true\n",
        b"x = 1\n" * 50_000,
    ]


def broken(owner: str, of: dict[str, Exercise]) -> Files:
    """None of the code can be read by Python."""
    found = good(owner, of)
    for name in of:
        found[f"{name}/{CODE}"] = f"# {owner!a}\ndef broken(:\n".encode()
        found[f"{name}/{ANSWERS}"] = b'a = "\n'
    return found


def put(files: Files, folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
