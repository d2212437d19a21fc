"""For authors: prove that an exercise's checks tell right from wrong.

Of all checks, also those that only the grader has, the untouched starter passes none that gives
points, and the solution passes all, on several seeds, as do right answers written in other ways;
each known wrong answer fails with a hint that names its cause (workshop.learn.known); links lead
somewhere inside the repository; the Python in a README runs, and the commands in it exist.
"""

from __future__ import annotations

import math
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from workshop.judge.server import ForkServer
from workshop.learn.exercise import Exercise, checks_of, hidden_checks_of
from workshop.learn.known import (
    Flaw,
    Tell,
    constant,
    hidden_wrong_flaws,
    in_words,
    on_seeds,
    right_flaws,
    silent,
    wrong_flaws,
)
from workshop.learn.run import Outcome
from workshop.learn.solved import outcomes, solved

__all__ = ["Flaw", "constant", "outcomes", "solved", "verify"]

SEEDS = 3
LONG_CHECK = 0.4  # seconds
LONGEST_SNIPPET = 60  # seconds
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def verify(
    exercise: Exercise,
    server: ForkServer,
    seed: int,
    commands: click.Group,
    seeds: int | None = None,
    tell: Tell = silent,
) -> Iterator[Flaw]:
    """Everything that is wrong with an exercise.

    Args:
        commands: those that a README may name.
        seeds: how many seeds, from ``seed`` on, every known answer is judged on, right or wrong.
            Without it: right ones on three, wrong ones on one, and slow checks on one.
        tell: is given a line whenever something else is judged.
    """
    yield from starter_flaws(exercise, server, seed)
    if seeds is None:
        yield from solution_flaws(exercise, server, range(seed, seed + SEEDS), LONG_CHECK, tell)
        yield from right_flaws(exercise, server, [seed], tell)
        yield from wrong_flaws(exercise, server, [seed], tell)
    else:
        every = range(seed, seed + seeds)
        yield from solution_flaws(exercise, server, every, tell=tell)
        yield from right_flaws(exercise, server, every, tell)
        yield from wrong_flaws(exercise, server, every, tell)
        yield from hidden_wrong_flaws(exercise, server, every, tell)
    for readme in (exercise.folder / "README.md", exercise.solution / "README.md"):
        if not readme.is_file():
            yield Flaw(exercise.name, str(readme), "is missing")
            continue
        yield from link_flaws(exercise, readme)
        yield from snippet_flaws(exercise, readme, commands)


def graded(exercise: Exercise, folder: Path, server: ForkServer, seed: int) -> Iterator[Outcome]:
    """The same as the grader has it: with the hidden checks after those that participants have."""
    checks = [*checks_of(exercise), *hidden_checks_of(exercise)]
    return outcomes(exercise, folder, server, seed, checks)


def starter_flaws(exercise: Exercise, server: ForkServer, seed: int) -> Iterator[Flaw]:
    for outcome in graded(exercise, exercise.folder, server, seed):
        if outcome.status == "passed" and outcome.max_points:
            yield Flaw(exercise.name, outcome.check, "passes on the untouched starter")


def solution_flaws(
    exercise: Exercise,
    server: ForkServer,
    seeds: Sequence[int],
    longest: float = math.inf,
    tell: Tell = silent,
) -> Iterator[Flaw]:
    """The solution passes all checks on all seeds; those that take ``longest`` seconds on one."""
    checks = [*checks_of(exercise), *hidden_checks_of(exercise)]
    failed: dict[tuple[str, str], list[int]] = {}
    for number, seed in enumerate(seeds, 1):
        tell(f"{exercise.name}: solution, seed {number} of {len(seeds)}")
        quick = []
        with solved(exercise) as folder:
            before = time.monotonic()
            for outcome in outcomes(exercise, folder, server, seed, checks):
                if time.monotonic() - before < longest:
                    quick.append(outcome.check)
                before = time.monotonic()
                if outcome.status != "passed":
                    failed.setdefault((outcome.check, in_words(outcome)), []).append(seed)
        # What a check needs has passed, or is a flaw by now.
        checks = [replace(one, needs=()) for one in checks if one.name in quick]
    for (check, told), where in failed.items():
        what = on_seeds("fails on the solution", where, seeds)
        yield Flaw(exercise.name, check, f"{what}: {told}")


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
        why = why_it_fails(exercise, program)
        if why:
            yield Flaw(exercise.name, str(readme), f"its Python {why}")
    for language, text in blocks:
        if language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                yield from command_flaws(exercise, readme, line, commands)


def why_it_fails(exercise: Exercise, program: str) -> str | None:
    """What is wrong with a program beside the solution; None if it ends well and in time."""
    with solved(exercise) as folder:
        try:
            ran = subprocess.run(
                [sys.executable, "-c", program],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=LONGEST_SNIPPET,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"takes more than {LONGEST_SNIPPET} s"
    return f"fails: {ran.stderr.strip()[-300:]}" if ran.returncode else None


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
