"""For authors: prove that an exercise's checks tell right from wrong.

Of all checks, also those that only the grader has, the untouched starter passes none that gives
points, and the solution passes all, on several seeds; each known wrong answer fails with a hint
that names its cause; links lead somewhere inside the repository; the Python in a README runs, and
the commands in it exist.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from workshop.judge.server import ForkServer
from workshop.learn.answers import Question
from workshop.learn.checking import Check
from workshop.learn.exercise import (
    ANSWERS,
    CODE,
    HIDDEN,
    Exercise,
    checks_of,
    hidden_checks_of,
    questions_of,
)
from workshop.learn.reach import reach_of, reached_by
from workshop.learn.run import Outcome, run_checks, run_questions

FEWEST_WRONG = 6
SEEDS = 3
LONG_CHECK = 0.4  # seconds
LONGEST_SNIPPET = 60  # seconds
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Flaw:
    """Something about an exercise that its author must mend."""

    exercise: str
    where: str
    what: str


def verify(
    exercise: Exercise, server: ForkServer, seed: int, commands: click.Group
) -> Iterator[Flaw]:
    """Everything that is wrong with an exercise; ``commands`` are those that a README may name."""
    yield from starter_flaws(exercise, server, seed)
    yield from solution_flaws(exercise, server, seed)
    yield from wrong_flaws(exercise, server, seed)
    for readme in (exercise.folder / "README.md", exercise.solution / "README.md"):
        if not readme.is_file():
            yield Flaw(exercise.name, str(readme), "is missing")
            continue
        yield from link_flaws(exercise, readme)
        yield from snippet_flaws(exercise, readme, commands)


def outcomes(
    exercise: Exercise,
    folder: Path,
    server: ForkServer,
    seed: int,
    checks: list[Check] | None = None,
) -> Iterator[Outcome]:
    """How an exercise's checks (or these) go on the code and the answers in ``folder``."""
    file = folder / CODE
    if file.is_file():
        checks = checks_of(exercise) if checks is None else checks
        yield from run_checks(exercise.name, checks, file, exercise.driver, server, seed)
    yield from run_questions(exercise.name, questions_of(exercise), folder / ANSWERS)


def graded(exercise: Exercise, folder: Path, server: ForkServer, seed: int) -> Iterator[Outcome]:
    """The same as the grader has it: with the hidden checks after those that participants have."""
    checks = [*checks_of(exercise), *hidden_checks_of(exercise)]
    return outcomes(exercise, folder, server, seed, checks)


def starter_flaws(exercise: Exercise, server: ForkServer, seed: int) -> Iterator[Flaw]:
    for outcome in graded(exercise, exercise.folder, server, seed):
        if outcome.status == "passed" and outcome.max_points:
            yield Flaw(exercise.name, outcome.check, "passes on the untouched starter")


def solution_flaws(exercise: Exercise, server: ForkServer, seed: int) -> Iterator[Flaw]:
    """On several seeds; a check that takes long has one, which is another one at each call."""
    checks = [*checks_of(exercise), *hidden_checks_of(exercise)]
    for offset in range(SEEDS):
        quick = []
        with solved(exercise) as folder:
            before = time.monotonic()
            for outcome in outcomes(exercise, folder, server, seed + offset, checks):
                if time.monotonic() - before < LONG_CHECK:
                    quick.append(outcome.check)
                before = time.monotonic()
                if outcome.status != "passed":
                    told = f"{outcome.message} (expected {outcome.expected}, got {outcome.actual})"
                    what = f"fails on the solution with seed {seed + offset}: {told}"
                    yield Flaw(exercise.name, outcome.check, what)
        # What a check needs has passed, or is a flaw by now.
        checks = [replace(one, needs=()) for one in checks if one.name in quick]


@contextmanager
def solved(
    exercise: Exercise, code: str | None = None, answers: dict[str, Any] | None = None
) -> Iterator[Path]:
    """A folder with the solution (or ``code``), and its answers as a participant writes them.

    ``answers`` replace the right ones of their names.
    """
    with tempfile.TemporaryDirectory(prefix="workshop-verify-") as place:
        folder = Path(place)
        for path in exercise.solution.iterdir():
            if path.is_file() and path.name not in (ANSWERS, HIDDEN):
                (folder / path.name).write_bytes(path.read_bytes())
        if code is not None:
            (folder / CODE).write_text(code, encoding="utf-8")
        written = {q.key: right_answer(q) for q in questions_of(exercise)} | (answers or {})
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in written.items()]
        (folder / ANSWERS).write_text("".join(lines), encoding="utf-8")
        yield folder


def right_answer(question: Question) -> float | str:
    """The expected value; where any of several will do, one of them."""
    expected = question.expected
    if expected.value is not None:
        return expected.value
    if expected.example is not None:
        return expected.example
    if expected.choices:
        return expected.choices[0]
    return sorted((expected.low, 1.0, expected.high))[1]


def wrong_flaws(exercise: Exercise, server: ForkServer, seed: int) -> Iterator[Flaw]:
    """Each file of checks/wrong redefines part of the solution and says the hint it must get.

    It may have ANSWERS, too: those that it gives in place of the right ones.
    """
    if not (exercise.solution / CODE).is_file():
        return
    files = sorted((exercise.folder / "checks" / "wrong").glob("*.py"))
    if len(files) < FEWEST_WRONG:
        yield Flaw(exercise.name, "checks/wrong", f"has {len(files)}, fewer than {FEWEST_WRONG}")
    solution = (exercise.solution / CODE).read_text(encoding="utf-8")
    checks = checks_of(exercise)
    reach = reach_of(checks, exercise.folder / "checks")
    for path in files:
        source = path.read_text(encoding="utf-8")
        must_say = constant(source, "HINT")
        if must_say is None:
            yield Flaw(exercise.name, path.name, 'has no HINT = "words that the hint must have"')
            continue
        answers = constant(source, "ANSWERS")
        told = []
        # What a change does not reach goes as it goes on the solution.
        judging = checks if answers else reached_by(checks, reach, solution, source)
        with solved(exercise, f"{solution}\n\n{source}", answers) as folder:
            for outcome in outcomes(exercise, folder, server, seed, judging):
                if outcome.status == "failed":
                    told.append(f"{outcome.message} {outcome.hint(1) or ''}")
                    if must_say.lower() in told[-1].lower():
                        break  # its cause is named: what else fails follows from it
            else:
                said = " / ".join(told)
                what = f"is told {said!r}, not {must_say!r}" if told else "passes every check"
                yield Flaw(exercise.name, path.name, what)


def constant(source: str, name: str) -> Any:
    """The value, written out, that ``name`` is set to in a module's source; None without one."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if names == [name]:
                return ast.literal_eval(node.value)
    return None


def link_flaws(exercise: Exercise, readme: Path) -> Iterator[Flaw]:
    for target in LINK.findall(readme.read_text(encoding="utf-8")):
        if target.startswith(("https://", "http://", "#", "mailto:")):
            continue
        if not (readme.parent / target.partition("#")[0]).exists():
            yield Flaw(exercise.name, str(readme), f"links to {target}, which is not there")


def snippet_flaws(exercise: Exercise, readme: Path, commands: click.Group) -> Iterator[Flaw]:
    """Python runs, all blocks as one program, where the solution lies; commands must exist."""
    blocks = BLOCK.findall(readme.read_text(encoding="utf-8"))
    program = "\n".join(text for language, text in blocks if language == "python")
    if program:
        with solved(exercise) as folder:
            ran = subprocess.run(
                [sys.executable, "-c", program],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=LONGEST_SNIPPET,
                check=False,
            )
        if ran.returncode:
            yield Flaw(exercise.name, str(readme), f"its Python fails: {ran.stderr.strip()[-300:]}")
    for language, text in blocks:
        if language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                yield from command_flaws(exercise, readme, line, commands)


def command_flaws(
    exercise: Exercise, readme: Path, line: str, commands: click.Group
) -> Iterator[Flaw]:
    words = shlex.split(line, comments=True)
    if words[:1] != ["workshop"]:
        return
    command: click.Command = commands
    context = click.Context(commands, info_name="workshop")
    rest = words[1:]
    try:
        while isinstance(command, click.Group):
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None
            command, context = found, click.Context(found, info_name=name, parent=context)
        command.make_parser(context).parse_args(list(rest))
    except click.UsageError as error:
        yield Flaw(exercise.name, str(readme), f"{line.strip()!r}: {error.message}")
