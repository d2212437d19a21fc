"""For authors: known answers, right and wrong, judged on one seed after another.

exercises/NAME/checks/wrong/*.py    fail a check that participants see, with the cause named
solutions/NAME/hidden_wrong/*.py    fail the hidden check named
solutions/NAME/right/*.py           pass all checks, hidden ones included

Each is source that is appended to the solution, of which it redefines a part.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workshop.judge.server import ForkServer
from workshop.learn.checking import Check
from workshop.learn.exercise import CODE, Exercise, checks_of, hidden_checks_of
from workshop.learn.reach import reach_of, reached_by
from workshop.learn.run import Outcome, run_checks
from workshop.learn.solved import outcomes, solved

FEWEST_WRONG = 6
FEWEST_RIGHT = 3
MOST_SEEDS_NAMED = 10
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Flaw:
    """Something about an exercise that its author must mend."""

    exercise: str
    where: str
    what: str


def silent(line: str) -> None:
    """For whoever shows no progress."""


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.py"))


def constant(source: str, name: str) -> Any:
    """The value, written out, that ``name`` is set to in a module's source; None without one."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if names == [name]:
                return ast.literal_eval(node.value)
    return None


def on_seeds(what: str, failed: Sequence[int], seeds: Sequence[int]) -> str:
    """A sentence with the seeds on which something was not as it should be."""
    first = f"{what} with seed {failed[0]}"
    if len(seeds) == 1:
        return first
    named = ", ".join(map(str, failed[1:MOST_SEEDS_NAMED]))
    more = ", ..." if len(failed) > MOST_SEEDS_NAMED else ""
    others = f": {named}{more}" if named else ""
    return f"{first} ({len(failed)} of {len(seeds)} seeds{others})"


def right_flaws(
    exercise: Exercise, server: ForkServer, seeds: Sequence[int], tell: Tell = silent
) -> Iterator[Flaw]:
    """Each file of right, with a comment in its first line, passes all checks on all seeds."""
    if not (exercise.solution / CODE).is_file():
        return
    files = files_in(exercise.solution / "right")
    if len(files) < FEWEST_RIGHT:
        yield Flaw(exercise.name, "right", f"has {len(files)}, fewer than {FEWEST_RIGHT}")
    solution = (exercise.solution / CODE).read_text(encoding="utf-8")
    checks = [*checks_of(exercise), *hidden_checks_of(exercise)]
    for path in files:
        source = path.read_text(encoding="utf-8")
        if not source.startswith("#"):
            yield Flaw(exercise.name, path.name, "has no comment in line 1 on what is different")
        failed: dict[str, list[int]] = {}
        with solved(exercise, f"{solution}\n\n{source}") as folder:
            for number, seed in enumerate(seeds, 1):
                tell(f"{exercise.name}: right/{path.name}, seed {number} of {len(seeds)}")
                for outcome in judged(exercise, folder, server, seed, checks):
                    if outcome.status != "passed":
                        failed.setdefault(f"{outcome.check}: {in_words(outcome)}", []).append(seed)
        for told, where in failed.items():
            what = f"{on_seeds('fails', where, seeds)} {told}"
            yield Flaw(exercise.name, f"right/{path.name}", what)


def wrong_flaws(
    exercise: Exercise, server: ForkServer, seeds: Sequence[int], tell: Tell = silent
) -> Iterator[Flaw]:
    """Each file of checks/wrong fails with its HINT in a message, or in a hint, on all seeds.

    It may have ANSWERS, too: those that it gives in place of the right ones.
    """
    if not (exercise.solution / CODE).is_file():
        return
    files = files_in(exercise.folder / "checks" / "wrong")
    if len(files) < FEWEST_WRONG:
        yield Flaw(exercise.name, "checks/wrong", f"has {len(files)}, fewer than {FEWEST_WRONG}")
    solution = (exercise.solution / CODE).read_text(encoding="utf-8")
    checks = checks_of(exercise)
    reach = reach_of(checks, exercise.folder / "checks")
    for path in files:
        source = path.read_text(encoding="utf-8")
        hint = constant(source, "HINT")
        if hint is None:
            yield Flaw(exercise.name, path.name, 'has no HINT = "words that the hint must have"')
            continue
        answers = constant(source, "ANSWERS")
        # What a change does not reach goes as it goes on the solution.
        judging = checks if answers else reached_by(checks, reach, solution, source)
        passed: list[int] = []
        untold: dict[str, list[int]] = {}
        with solved(exercise, f"{solution}\n\n{source}", answers) as folder:
            for number, seed in enumerate(seeds, 1):
                tell(f"{exercise.name}: wrong/{path.name}, seed {number} of {len(seeds)}")
                ran = outcomes(exercise, folder, server, seed, judging)
                named, told = caught(ran, hint)
                if named:
                    judging = first(judging, named)
                elif told:
                    what = f"is told {' / '.join(told)!r}, not {hint!r}"
                    untold.setdefault(what, []).append(seed)
                else:
                    passed.append(seed)
        if passed:
            yield Flaw(exercise.name, path.name, on_seeds("passes every check", passed, seeds))
        for what, where in untold.items():
            yield Flaw(exercise.name, path.name, f"{what}, {on_seeds('', where, seeds).strip()}")


def caught(ran: Iterable[Outcome], hint: str) -> tuple[str, list[str]]:
    """The check that failed with the cause named, or an empty name and what was told instead."""
    told = []
    for outcome in ran:
        if outcome.status == "failed":
            told.append(f"{outcome.message} {outcome.cause or outcome.hint(1) or ''}")
            if hint.lower() in told[-1].lower():
                return outcome.check, told  # what else fails follows from it
    return "", told


def first(checks: list[Check], name: str) -> list[Check]:
    """The checks with one of them moved to the front: it is likely to catch the answer again."""
    front = [replace(check, needs=()) for check in checks if check.name == name]
    return [*front, *(check for check in checks if check.name != name)]


def hidden_wrong_flaws(
    exercise: Exercise, server: ForkServer, seeds: Sequence[int], tell: Tell = silent
) -> Iterator[Flaw]:
    """Each file of hidden_wrong fails the hidden check that its CHECK names, on all seeds."""
    files = files_in(exercise.solution / "hidden_wrong")
    if not files:
        return
    solution = (exercise.solution / CODE).read_text(encoding="utf-8")
    hidden = {check.name: check for check in hidden_checks_of(exercise)}
    for path in files:
        source = path.read_text(encoding="utf-8")
        check = hidden.get(constant(source, "CHECK"))
        if check is None:
            yield Flaw(exercise.name, path.name, 'has no CHECK = "name of a hidden check"')
            continue
        passed = []
        with solved(exercise, f"{solution}\n\n{source}") as folder:
            for number, seed in enumerate(seeds, 1):
                tell(f"{exercise.name}: hidden_wrong/{path.name}, seed {number} of {len(seeds)}")
                (outcome,) = judged(exercise, folder, server, seed, [replace(check, needs=())])
                if outcome.status != "failed":
                    passed.append(seed)
        if passed:
            what = on_seeds(f"passes {check.name!r}", passed, seeds)
            yield Flaw(exercise.name, path.name, what)


def judged(
    exercise: Exercise, folder: Path, server: ForkServer, seed: int, checks: list[Check]
) -> Iterator[Outcome]:
    return run_checks(exercise.name, checks, folder / CODE, exercise.driver, server, seed)


def in_words(outcome: Outcome) -> str:
    return f"{outcome.message} (expected {outcome.expected}, got {outcome.actual})"
