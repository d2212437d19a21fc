"""A class that does not exist, to try `workshop grade` on: a roster, submissions, a rubric.

    python benchmarks/grade_class.py OUT --people 300 --seed 1

writes OUT/roster.csv, OUT/rubric.toml, OUT/submissions/ and OUT/expected.json: between which bounds
each one's share of the points has to be, and what has to be told. From the same seed it is the
same, byte for byte. Its logs are made of one real run (plots/logs): they are no measurements.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import random
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grade_hand_ins as hand_ins
import grade_logs
import msgspec
from grade_hand_ins import Files

from workshop.learn.exercise import Exercise

DUE = datetime(2026, 11, 20, 22, 59, tzinfo=UTC)
STAGES = ("baseline", "quantize", "speculative")
# Of a hundred people; who is left hands in what is good.
KINDS = {
    "partial": 20, "wrong": 15, "hostile": 6, "late": 5, "several": 4, "broken": 2, "empty": 2,
    "corrupt": 2, "strange answers": 2, "missing": 4, "copied logs": 2, "edited log": 2,
    "unknown": 1,
}  # fmt: skip
FIRST = (
    "Ada", "Zoë", "Jürgen", "Søren", "Łucja", "Nuño", 'Anna "Nina"', "Seán",
    "محمد", "דוד", "李", "Maria José", "Ирина", "Ελένη", "=SUM(A1)", "Ngọc",
    "Björk", "O’Brien",
)  # fmt: skip
LAST = (
    "Lovelace", "Müller", "Østergård", "d'Arc, Jr.", "van der Berg",
    "González-Peña", "علي", "לוי", "Çelik", "Nowak", "Иванова", "Παπαδοπούλου",
    "雷", "Nguyễn", "Guðmundsdóttir", "X Æ",
)  # fmt: skip

RUBRIC = """\
title = "A class that does not exist"
due = 2026-11-20T23:59:00+01:00
attempt = "best"

[late]
per_day = 0.1
most = 0.5
grace_minutes = 10
"""
EXERCISE = """
[exercises.{name}]
points = 10
"""
LOG = """
[[logs.wanted]]
exercise = "{name}"
stage = "{name}"
points = 2
bands = [{{ at_least = 2.0, share = 1.0 }}, {{ at_least = 1.2, share = 0.5 }}]
"""


class Expected(msgspec.Struct, omit_defaults=True):
    """What has to become of a person.

    Attributes:
        least, most: share of all points.
        below: exercises that cannot have all their points.
        finding: the least severity of one that there has to be.
        graded: whether there is anything to grade.
        known: whether the roster has them.
    """

    kind: str
    least: float = 0.0
    most: float = 1.0
    below: list[str] = []
    finding: str | None = None
    graded: bool = True
    known: bool = True
    attempts: int = 1


@dataclass
class Person:
    id: str
    first: str
    last: str
    account: str
    kind: str
    files: list[Files] = field(default_factory=list)
    when: list[datetime] = field(default_factory=list)
    expected: Expected = field(default_factory=lambda: Expected("good"))


def kinds_of(count: int) -> list[str]:
    """Of so many people; at least one of each kind, if there are people enough."""
    kinds = [kind for kind, share in KINDS.items() for _ in range(max(1, count * share // 100))]
    return [*kinds, *["good"] * count][:count]


def shuffled(count: int, seed: int) -> list[str]:
    kinds = kinds_of(count)
    random.Random(seed).shuffle(kinds)
    return kinds


def people_of(kinds: Sequence[str], rng: random.Random) -> list[Person]:
    names = [(first, last) for first in FIRST for last in LAST]
    rng.shuffle(names)
    found = []
    for i, kind in enumerate(kinds):
        first, last = names[i % len(names)]
        again = f" {'I' * (i // len(names) + 1)}" if i >= len(names) else ""
        found.append(Person(f"{20260000 + i}", first, f"{last}{again}", f"edu{i:03}", kind))
    return found


def fill(people: list[Person], of: dict[str, Exercise], rng: random.Random) -> None:
    """What each hands in, when, and what has to become of it."""
    attacks = 0
    honest: Files = {}
    for i, one in enumerate(people):
        begun = DUE - timedelta(days=rng.randint(1, 6), minutes=rng.randint(0, 600))
        started = begun.replace(microsecond=0)
        owner = grade_logs.Owner(
            one.account, f"cn{rng.randint(1, 16):02}", 70_000 + 10 * i, started
        )
        logs = {f"logs/{n}": c for n, c in grade_logs.logs_of(owner, STAGES, rng).items()}
        files, expected, when = hand_ins.good(one.id, of), Expected(one.kind, 0.999), [begun]
        if one.kind == "partial":
            files, expected = hand_ins.partial(one.id, of, rng), Expected(one.kind, 0.1, 0.85)
        elif one.kind == "wrong":
            files, below = hand_ins.wrong(one.id, of, rng)
            expected = Expected(one.kind, 0.5, 0.999, below)
        elif one.kind == "hostile":
            attack = hand_ins.ATTACKS[attacks % len(hand_ins.ATTACKS)]
            attacks += 1
            files, name = hand_ins.hostile(one.id, of, attack, rng)
            expected = Expected(f"hostile: {attack.name}", 0.6, 0.95, [name])
        elif one.kind == "late":
            days = rng.randint(1, 3)
            when = [DUE + timedelta(days=days, hours=-3)]
            expected = Expected(one.kind, 0.999 - 0.1 * days, 1.001 - 0.1 * days)
        elif one.kind == "broken":
            files, expected = hand_ins.broken(one.id, of), Expected(one.kind, 0, 0.1)
        elif one.kind == "strange answers":
            strange = hand_ins.strange_answers()
            files |= {f"{name}/answers.toml": rng.choice(strange) for name in of}
            expected = Expected(one.kind, 0.6, 0.95)
        elif one.kind == "copied logs" and honest:
            logs, expected = honest, Expected(one.kind, 0.9, 1.0, finding="doubt")
        elif one.kind == "edited log":
            name = next(n for n in logs if "quantize" in n)
            logs[name] = grade_logs.embellished(logs[name], 2.0)
            expected = Expected(one.kind, 0.9, 1.0, finding="contradiction")
        elif one.kind in ("empty", "corrupt"):
            expected = Expected(one.kind, 0, 0.9, finding="note", graded=False)
        elif one.kind == "missing":
            expected = Expected(one.kind, graded=False)
        elif one.kind == "unknown":
            expected = Expected(one.kind, 0.999, known=False)
        one.files, one.when, one.expected = [files | logs], when, expected
        if one.kind == "several":
            worse = hand_ins.partial(one.id, of, rng) | logs
            one.files, one.when = [worse, files | logs], [begun, begun + timedelta(hours=9)]
            one.expected = Expected(one.kind, 0.999, attempts=2)
        if one.kind == "good":
            honest = logs


def hand_in(one: Person, place: Path, rng: random.Random) -> None:
    """Write what one hands in, as a folder, an archive, or as an LMS gives it out."""
    if one.kind == "missing":
        return
    if one.kind == "empty":
        (place / f"{one.id}.zip").write_bytes(zipped({}, one.when[0]))
        return
    if one.kind == "corrupt":
        archive = zipped(one.files[0], one.when[0])
        (place / f"{one.id}.zip").write_bytes(archive[: len(archive) // 3])
        return
    for files, when in zip(one.files, one.when, strict=True):
        stamp = when.strftime("%Y-%m-%dT%H-%M-%SZ")
        named = f"{one.id}_{stamp}"
        timed = one.kind in ("late", "several")  # an LMS's download says no time
        way = rng.choice(["zip", "tar.gz", "tar.xz", *(() if timed else ("folder", "moodle"))])
        if way == "zip":
            (place / f"{named}.zip").write_bytes(zipped(files, when))
        elif way == "folder":
            hand_ins.put(files, place / one.id)
            for path in sorted((place / one.id).rglob("*"), reverse=True):
                os.utime(path, (when.timestamp(), when.timestamp()))
        elif way == "moodle":
            folder = place / f"{one.first} {one.last}_{one.id}_assignsubmission_file_"
            folder.mkdir()
            (folder / "work.zip").write_bytes(zipped(files, when))
        else:
            (place / f"{named}.{way}").write_bytes(tarred(files, when, way.removeprefix("tar.")))


def zipped(files: Files, when: datetime) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, when.timetuple()[:6]), content)
    return out.getvalue()


def tarred(files: Files, when: datetime, packer: str) -> bytes:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as archive:
        for name, content in sorted(files.items()):
            info = tarfile.TarInfo(f"work/{name}")
            info.size, info.mtime = len(content), int(when.timestamp())
            archive.addfile(info, io.BytesIO(content))
    if packer == "gz":
        import gzip

        return gzip.compress(inner.getvalue(), 6, mtime=0)
    import lzma

    return lzma.compress(inner.getvalue(), preset=1)


def roster_of(people: list[Person]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "first_name", "last_name", "email", "account"])
    for one in people:
        if one.expected.known:
            email = f"{one.account}@example.org"
            writer.writerow([one.id, one.first, one.last, email, one.account])
    for one in [one for one in people if one.kind == "missing"][:1]:  # an id twice
        writer.writerow([one.id, "Somebody", "Else", "else@example.org", "else"])
    return out.getvalue()


def rubric_of(names: Iterable[str]) -> str:
    """Ten points for each exercise; a log of its stage counts, where it has one."""
    names = list(names)
    logs = [LOG.format(name=name) for name in names if name in STAGES]
    return "".join([RUBRIC, *(EXERCISE.format(name=name) for name in names), *logs])


def make(
    out: Path, kinds: Sequence[str], seed: int, names: Sequence[str] = hand_ins.EXERCISES
) -> None:
    """Write the whole class, somebody of each of ``kinds``; ``out`` must not be there yet.

    Args:
        names: exercises that they hand in.
    """
    rng = random.Random(seed)
    of = hand_ins.known(names)
    people = people_of(kinds, rng)
    fill(people, of, rng)
    place = out / "submissions"
    place.mkdir(parents=True)
    for one in people:
        hand_in(one, place, rng)
    (out / "roster.csv").write_text(roster_of(people), encoding="utf-8")
    (out / "rubric.toml").write_text(rubric_of(of), encoding="utf-8")
    expected = {one.id: one.expected for one in people}
    text = msgspec.json.format(msgspec.json.encode(expected), indent=1)
    (out / "expected.json").write_bytes(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    make(given.out, shuffled(given.people, given.seed), given.seed)


if __name__ == "__main__":
    main()
