"""How long `workshop grade` takes for a class, and whether it always comes to the same grades.

    python benchmarks/grade.py --people 300 -o benchmarks/results/mine.json

makes classes that do not exist (grade_class.py). One of 300 is timed: from nothing, and once more
with nothing changed. One of 24 (with --compare 300 the same) is graded elsewhere with the same
seed, killed by SIGKILL half-way and begun again, after which all that is handed out has to be the
same, byte for byte; and with another seed, which may change no points. Everybody's points are held
against the bounds that grade_class.py gives them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grade_class
import msgspec

from workshop.runner import machine, provenance
from workshop.util import files

SEED, OTHER_SEED = 11, 12
LOCK_SECONDS = 60  # that what a killed grading has started may take to notice
EXACT = 0.005  # --json rounds to two digits


@dataclass(frozen=True)
class Graded:
    """One run of `workshop grade`.

    Attributes:
        said: what --json prints.
    """

    seconds: float
    said: dict[str, Any]

    def points(self) -> dict[str, float]:
        every = [*self.said["participants"], *self.said["unknown"]]
        return {one["id"]: one["score"] for one in every if "score" in one}


def command(class_: Path, out: Path, seed: int, jobs: int) -> list[str]:
    return [
        sys.executable, "-m", "workshop", "grade", str(class_ / "submissions"),
        "--roster", str(class_ / "roster.csv"), "--rubric", str(class_ / "rubric.toml"),
        "-o", str(out), "--seed", str(seed), "--jobs", str(jobs), "--json",
    ]  # fmt: skip


def grade(class_: Path, out: Path, seed: int, jobs: int) -> Graded:
    """Run it to its end; raises CalledProcessError unless everything could be graded."""
    before = time.perf_counter()
    ran = subprocess.run(
        command(class_, out, seed, jobs), capture_output=True, text=True, check=False
    )
    if ran.returncode:
        sys.exit(f"workshop grade ended with {ran.returncode}: {ran.stderr[-2000:]}")
    return Graded(time.perf_counter() - before, json.loads(ran.stdout))


def grade_killed_halfway(class_: Path, out: Path, seed: int, jobs: int, parts: int) -> Graded:
    """Kill it once half of its results are kept; then run it again."""
    process = subprocess.Popen(command(class_, out, seed, jobs), stdout=subprocess.DEVNULL)
    kept = out / "work" / "kept"
    while process.poll() is None and count(kept) < parts // 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + LOCK_SECONDS
    while refused(out) and time.monotonic() < deadline:
        time.sleep(0.5)
    return grade(class_, out, seed, jobs)


def refused(out: Path) -> bool:
    """Whether something of the killed run is at work still, and holds its lock."""
    from workshop.grading import store
    from workshop.util.errors import UsageError

    try:
        with store.opened(out):
            return False
    except UsageError:
        return True


def count(folder: Path) -> int:
    return sum(1 for _ in os.scandir(folder)) if folder.is_dir() else 0


def outputs(out: Path) -> dict[str, bytes]:
    """What is handed out: the gradebook, and everybody's feedback and results."""
    found = [out / "gradebook.csv", *sorted(out.glob("participants/*/*")), *out.glob("unknown/*/*")]
    return {str(path.relative_to(out)): path.read_bytes() for path in found}


def different(one: Path, other: Path) -> list[str]:
    first, second = outputs(one), outputs(other)
    return sorted(name for name in first | second if first.get(name) != second.get(name))


def read_expected(class_: Path) -> dict[str, grade_class.Expected]:
    raw = (class_ / "expected.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, grade_class.Expected])


def surprises(class_: Path, graded: Graded) -> Iterator[str]:
    """Where somebody did not get what was expected."""
    expected = read_expected(class_)
    people = {one["id"]: one for one in graded.said["participants"]}
    unknown = graded.said["unknown"]
    for name, one in expected.items():
        if not one.known:
            continue
        row = people.get(name)
        if row is None:
            yield f"{name} ({one.kind}) is not in the gradebook"
            continue
        if not row["graded"]:
            if one.graded:
                yield f"{name} ({one.kind}) was not graded"
            continue
        share = row["score"] / row["max_score"]
        if not one.least - EXACT <= share <= one.most + EXACT:
            yield f"{name} ({one.kind}) has {share:.3f}, not {one.least} to {one.most}"
        if row["attempts"] != one.attempts and one.graded:
            yield f"{name} ({one.kind}) has {row['attempts']} attempts, not {one.attempts}"
        for exercise in one.below:
            if row["exercises"][exercise] >= row["max_score"] / len(row["exercises"]) - EXACT:
                yield f"{name} ({one.kind}) has all points of {exercise}"
        if one.finding and not row["findings"]:
            yield f"{name} ({one.kind}) has no finding"
    least = sum(not one.known for one in expected.values())
    if len(unknown) != least:
        yield f"{len(unknown)} submissions of nobody on the roster, not {least}"
    for severity in ("doubt", "contradiction"):
        least = sum(one.finding == severity for one in expected.values())
        if graded.said["findings"][severity] < least:
            yield f"{graded.said['findings'][severity]} findings of {severity}, fewer than {least}"


def made(place: Path, people: int, seed: int) -> Path:
    kinds = grade_class.shuffled(people, seed)
    grade_class.make(place, kinds, seed)
    return place


@dataclass(frozen=True)
class First:
    """A class that was graded from nothing.

    Attributes:
        place: where it lies, and ``first``, what came of it.
    """

    people: int
    place: Path
    graded: Graded

    @property
    def class_(self) -> Path:
        return self.place / "class"

    @property
    def out(self) -> Path:
        return self.place / "first"


def graded_first(people: int, jobs: int, place: Path, seed: int) -> First:
    class_ = made(place / "class", people, seed)
    return First(people, place, grade(class_, place / "first", SEED, jobs))


def compared(first: First, jobs: int) -> dict[str, Any]:
    """Graded twice more: with the same seed, killed half-way; and with another seed."""
    class_, place = first.class_, first.place
    parts = count(first.out / "work" / "kept")
    second = grade_killed_halfway(class_, place / "second", SEED, jobs, parts)
    differ = different(first.out, place / "second")
    ran = first.graded.said["ran"]
    told(f"{first.people} people, killed half-way: {second.said['ran']} of {ran} run anew")
    told(f"other than without a kill: {differ or 'nothing'}")
    one = first.graded.points()
    other = grade(class_, place / "third", OTHER_SEED, jobs).points()
    both = {name: [one.get(name), other.get(name)] for name in one | other}
    changed = {name: points for name, points in both.items() if points[0] != points[1]}
    told(f"with another seed, points differ for {changed or 'nobody'}")
    return {
        "people": first.people,
        "outputs": len(outputs(first.out)),
        "attempts_run": ran,
        "attempts_run_after_kill": second.said["ran"],
        "outputs_that_differ_after_kill": differ,
        "points_that_differ_with_another_seed": changed,
        "not_as_expected": list(surprises(class_, first.graded)),
    }


def measured(people: int, jobs: int, place: Path) -> tuple[First, dict[str, Any]]:
    """A class graded from nothing, then with nothing changed, with what took how long."""
    warning = machine.busy_warning()
    load = os.getloadavg()[0]
    begun = graded_first(people, jobs, place, seed=1)
    class_, first = begun.class_, begun.graded
    told(f"{people} people in {first.seconds:.0f} s with {jobs} jobs, {first.said['isolation']}")
    again = grade(class_, begun.out, SEED, jobs)
    told(f"nothing changed: {again.seconds:.1f} s")
    found = list(surprises(class_, first))
    told("\n".join(["not as expected:", *found]) if found else "everybody as expected")
    return begun, {
        "people": people,
        "exercises": list(grade_class.hand_ins.EXERCISES),
        "jobs": jobs,
        "isolation": first.said["isolation"],
        "attempts_run": first.said["ran"],
        "seconds": first.seconds,
        "seconds_per_attempt": first.seconds / first.said["ran"],
        "seconds_nothing_changed": again.seconds,
        "attempts_run_nothing_changed": again.said["ran"],
        "outputs": len(outputs(begun.out)),
        "findings": first.said["findings"],
        "not_as_expected": found,
        "busy": warning,
        "load_before": load,
        "load_after": os.getloadavg()[0],
    }


def told(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--compare", type=int, default=24, help="people graded thrice")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    about = {
        "device": machine.processor_name(),
        "threads": machine.cores(),
        "versions": dataclasses.asdict(provenance.versions()),
    }
    with tempfile.TemporaryDirectory(prefix="workshop-grade-") as place:
        first, result = measured(given.people, given.jobs, Path(place) / "measured")
        write(result | about, given.output)
        if given.compare != given.people:
            first = graded_first(given.compare, given.jobs, Path(place) / "compared", seed=2)
        write({**result, **about, "compared": compared(first, given.jobs)}, given.output)


def write(result: dict[str, Any], path: Path | None) -> None:
    if path:
        files.write(path, json.dumps(result, indent=1).encode() + b"\n")


if __name__ == "__main__":
    main()
