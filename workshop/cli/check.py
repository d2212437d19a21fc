"""``workshop check``."""

from __future__ import annotations

import difflib
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workshop.cli.check_hints import NO_HINTS, hints_on, what_helps
from workshop.cli.seed import Seed
from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from workshop.judge.isolation import Isolation
    from workshop.judge.server import ForkServer
    from workshop.learn.exercise import Exercise
    from workshop.learn.progress import Standing
    from workshop.learn.run import Outcome

LOOK_SECONDS = 0.3
MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("–", "yellow")}


@click.command()
@click.argument("exercise", required=False)
@click.option("--all", "every", is_flag=True, help="Check every exercise and show your progress.")
@click.option(
    "--hint", is_flag=True, help="Show a hint for the first failure; repeat for a stronger one."
)
@click.option("--watch", is_flag=True, help="Check again whenever the file changes.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Check this file instead of yours, with the answers.toml beside it, if any.",
)
@click.option("--seed", type=Seed(), help="Seed of the random inputs.  [a new one each time]")
@click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON.")
def check(
    exercise: str | None,
    every: bool,
    hint: bool,
    watch: bool,
    file: Path | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Check EXERCISE; by default the one in this directory, or the first unfinished one.

    Your code runs in a separate process, on new random inputs each time.
    """
    if every and (exercise or file or watch):
        raise UsageError("--all checks all exercises: leave out EXERCISE, --file and --watch")
    from workshop.learn.exercise import exercises

    known = exercises()
    one = None if every else find(known, exercise)
    code = file or (place_of(one) / "exercise.py" if one else None)
    with started() as server:
        if one is None or code is None:
            sys.exit(check_all(list(known.values()), server, draw_seed(seed), as_json))
        while True:
            passed = check_one(one, code, file is None, server, draw_seed(seed), hint, as_json)
            if not watch:
                sys.exit(0 if passed else 1)
            wait_for_change(code)


@contextmanager
def started(isolation: Isolation | None = "process") -> Iterator[ForkServer]:
    """A fork server; in ``process``, as its code is trusted as much as its author, who runs it.

    Raises:
        UsageError: it does not start here, or not any more.
    """
    from workshop.judge.isolation import IsolationError
    from workshop.judge.server import ServerError, room

    try:
        with room(isolation) as server:
            yield server
    except (IsolationError, ServerError) as error:
        raise UsageError(str(error)) from None


def draw_seed(seed: int | None) -> int:
    return secrets.randbelow(10**9) if seed is None else seed


def find(known: dict[str, Exercise], name: str | None) -> Exercise:
    """The exercise of that name; without one, that of this folder, or the first not done yet."""
    from workshop.learn import progress
    from workshop.learn.workspace import root_of

    if name is None and Path.cwd().name in known:
        return known[Path.cwd().name]
    if name is None:
        standings = progress.read(root_of(Path.cwd()))
        for one in known.values():
            if not (one.name in standings and standings[one.name].done):
                return one
        return next(reversed(known.values()))
    if name not in known:
        near = did_you_mean(name, list(known))
        raise UsageError(
            f"there is no exercise {name!r}{near}; the exercises are {', '.join(known)}"
        )
    return known[name]


def did_you_mean(name: str, known: list[str]) -> str:
    """The nearest of the names that there are, as a question; empty where none is near."""
    plain = name.strip().strip("/").rpartition("/")[2].lower().replace("_", "-").replace(" ", "-")
    near = difflib.get_close_matches(plain, known, n=1)
    begins = [one for one in known if len(plain) > 2 and (one.startswith(plain) or one in plain)]
    found = near or begins
    return f" (did you mean {found[0]}?)" if found else ""


def place_of(exercise: Exercise) -> Path:
    """Where the participant's files of an exercise are.

    Raises:
        UsageError: they are not to be found from here.
    """
    from workshop.learn.workspace import root_of

    cwd = Path.cwd()
    root = root_of(cwd)
    places = [root / exercise.name] if root else []
    places += [cwd] if cwd.name == exercise.name else []
    places += [cwd / exercise.name, cwd / "exercises" / exercise.name]
    for place in places:
        if place.is_dir():
            return place
    raise UsageError(
        f"there is no folder {exercise.name} here: go to your working copy, "
        "or make one with 'workshop init DIR'"
    )


def outcomes_of(exercise: Exercise, file: Path, server: ForkServer, seed: int) -> Iterator[Outcome]:
    from workshop.learn.exercise import ANSWERS, CODE, checks_of, questions_of
    from workshop.learn.run import run_checks, run_questions

    if not file.is_file() and checks_of(exercise):
        raise UsageError(
            f"{file} is not there: 'workshop reset {exercise.name}' brings it back as it was"
        )
    yield from run_checks(exercise.name, checks_of(exercise), file, exercise.driver, server, seed)
    answers = file.parent / ANSWERS
    if answers.exists() or file.name == CODE:
        yield from run_questions(exercise.name, questions_of(exercise), answers)


def check_one(
    exercise: Exercise,
    file: Path,
    own: bool,
    server: ForkServer,
    seed: int,
    hint: bool,
    as_json: bool,
) -> bool:
    """Check one exercise and say how it went; True where all passed.

    Of a file that is not the participant's ``own``, nothing is written down.
    """
    from workshop.learn import progress
    from workshop.learn.workspace import root_of

    root = root_of(file.resolve().parent) if own else None
    before = progress.read(root).get(exercise.name)
    used = dict(before.hints) if before else {}
    outcomes: list[Outcome] = []
    hint_for = None
    shown: set[str] = set()  # hints on predictions
    for outcome in outcomes_of(exercise, file, server, seed):
        first = outcome.status == "failed" and all(o.status != "failed" for o in outcomes)
        if hint and first and outcome.hints:
            hint_for = outcome.check
            used[hint_for] = min(used.get(hint_for, 0) + 1, progress.MOST_HINTS)
        outcomes.append(outcome)
        if not as_json:
            say(outcome, hints_on(outcome, used[outcome.check] if hint_for == outcome.check else 0,
                                  shown))  # fmt: skip
            if hint and first and not outcome.hints:
                click.echo(click.style(f"    hint: {NO_HINTS}", fg="cyan"))
    standing = progress.note(root, exercise.name, outcomes, hint_for)
    if as_json:
        click.echo(json.dumps([as_data(o, used.get(o.check, 0)) for o in outcomes], indent=2))
    else:
        after = following(exercise, progress.read(root)) if standing.done else None
        summary(exercise, standing, outcomes, seed, after)
    return all(outcome.status == "passed" for outcome in outcomes)


def say(outcome: Outcome, hints: list[str]) -> None:
    """One check, for people."""
    mark, colour = MARKS[outcome.status]
    points = f"{outcome.points:g}/{outcome.max_points}"
    line = f"{click.style(mark, fg=colour)} {outcome.check}  ({points})"
    click.echo(line if not outcome.message else f"{line}\n    {outcome.message}")
    for name in ("expected", "actual"):
        value = getattr(outcome, name)
        if value is not None:
            click.echo(f"    {name}: {value}")
    for hint in hints:
        click.echo(click.style(f"    hint: {hint}", fg="cyan"))
    if outcome.output.strip():
        click.echo(f"    it printed: {outcome.output.strip().splitlines()[-1][:200]}")


def summary(
    exercise: Exercise,
    standing: Standing,
    outcomes: list[Outcome],
    seed: int,
    following: Exercise | None,
) -> None:
    """How it went, and what to do next; ``following`` is the next exercise that is not done."""
    reached = sum(outcome.points for outcome in outcomes)
    click.echo(
        f"\n{exercise.name}: {standing.passed} of {standing.checks} checks, "
        f"{reached:g} of {standing.max_points} points"
    )
    if standing.done:
        click.echo(f"All done. 'workshop solution {exercise.name}' shows ours.")
        click.echo(next_step(following))
    else:
        click.echo(what_helps(exercise, outcomes, seed))


def next_step(following: Exercise | None) -> str:
    if following is None:
        return "Every exercise is done: 'workshop check --all' shows what you have reached."
    about = following.about
    return (
        f"Next: {following.name} ({about.title}; {about.minutes} minutes): read "
        f"{following.name}/README.md, then 'workshop check {following.name}'."
    )


def following(exercise: Exercise, standings: dict[str, Standing]) -> Exercise | None:
    """The next exercise that is not done: after this one, or else from the first on."""
    from workshop.learn.exercise import exercises

    names = list(known := exercises())
    at = names.index(exercise.name) + 1 if exercise.name in names else 0
    order = [*names[at:], *names[: max(at - 1, 0)]]
    left = (name for name in order if not (name in standings and standings[name].done))
    found = next(left, None)
    return known[found] if found else None


def check_all(known: list[Exercise], server: ForkServer, seed: int, as_json: bool) -> int:
    """Check all exercises and show how far each is; 0 where all is done."""
    from workshop.learn import progress
    from workshop.learn.workspace import root_of

    data: list[dict[str, Any]] = []
    complete = True
    for exercise in known:
        file = place_of(exercise) / "exercise.py"
        outcomes = list(outcomes_of(exercise, file, server, seed))
        standing = progress.note(root_of(file.resolve().parent), exercise.name, outcomes, None)
        complete = complete and standing.done
        data += [as_data(outcome, 0) for outcome in outcomes]
        if not as_json:
            share = standing.passed / standing.checks if standing.checks else 0
            bar = "█" * round(10 * share) + "·" * (10 - round(10 * share))
            hints = sum(standing.hints.values())
            hints_shown = f", {hints} hint{'s' if hints > 1 else ''}" if hints else ""
            reached = sum(outcome.points for outcome in outcomes)
            click.echo(
                f"{exercise.name:<16} {bar} {standing.passed:>2}/{standing.checks:<2} checks, "
                f"{reached:g}/{standing.max_points} points{hints_shown}"
            )
    if as_json:
        click.echo(json.dumps(data, indent=2))
    return 0 if complete else 1


def as_data(outcome: Outcome, level: int) -> dict[str, Any]:
    """An outcome for JSON; with no hint asked for (``level`` 0), the cause or else the first."""
    hint = outcome.hint(level) if level else outcome.cause or outcome.hint(1)
    return {
        "exercise": outcome.exercise,
        "check": outcome.check,
        "status": outcome.status,
        "points": outcome.points,
        "max_points": outcome.max_points,
        "message": outcome.message,
        "expected": outcome.expected,
        "actual": outcome.actual,
        "hint": hint,
    }


def wait_for_change(file: Path) -> None:
    """Until the file is saved again; Ctrl-C ends."""

    def stamp() -> list[int]:
        beside = [file, file.with_name("answers.toml")]
        return [os.stat(path).st_mtime_ns for path in beside if path.exists()]

    before = stamp()
    click.echo(f"\nwatching {file}; Ctrl-C ends\n")
    while stamp() == before:
        time.sleep(LOOK_SECONDS)
