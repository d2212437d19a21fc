"""A participant's working copy: made once, updated beside what is theirs, never overwritten.

DIR/README.md  workshop.toml  napkin/ measure/ compile/ ...
DIR/.workshop/handed-out.json     what each file was when it was handed out, by SHA-256
              progress.json       what was reached, and the hints used
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from workshop.learn.exercise import Exercise
from workshop.util import files
from workshop.util.errors import UsageError

KEPT = ".workshop"
HANDED_OUT = "handed-out.json"
NEW = ".new"


@dataclass(frozen=True)
class Change:
    """What became of one file: ``new``, ``same``, ``updated``, ``yours`` (and the new one beside).

    Attributes:
        path: relative to the working copy.
    """

    path: Path
    what: str


def root_of(directory: Path) -> Path | None:
    """The working copy that ``directory`` is in; None where it is in none."""
    for place in (directory, *directory.parents):
        if (place / KEPT / HANDED_OUT).is_file():
            return place
    return None


def make(root: Path, material: dict[Path, bytes]) -> list[Change]:
    """Put ``material`` (relative path -> content) into a new working copy.

    Raises:
        UsageError: there is one already, or something in its place.
    """
    if (root / KEPT / HANDED_OUT).is_file():
        raise UsageError(
            f"{root} is a working copy already: 'workshop init --update {root}' brings what is new"
        )
    taken = [path for path in material if (root / path).exists()]
    if taken:
        raise UsageError(f"{root / taken[0]} is there already: choose another directory")
    try:
        (root / KEPT).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot make a working copy in {root} ({error.strerror}): choose a directory where "
            "you may write, such as ~/workshop"
        ) from None
    return update(root, material)


def update(root: Path, material: dict[Path, bytes]) -> list[Change]:
    """Bring new material: untouched files are replaced; beside changed ones, FILE.new is laid."""
    known = read_handed_out(root)
    changes = []
    for path, content in sorted(material.items()):
        what = put(root / path, content, known.get(str(path)))
        known[str(path)] = digest(content)
        changes.append(Change(path, what))
    save_json(root / KEPT / HANDED_OUT, known)
    return changes


def put(target: Path, content: bytes, handed_out: str | None) -> str:
    if not target.exists():
        if handed_out == digest(content):
            return "yours"  # they deleted it, and nothing about it is new
        save(target, content)
        return "new"
    current = digest(target.read_bytes())
    if current == digest(content):
        return "same"
    if current == handed_out:
        save(target, content)
        return "updated"
    if handed_out != digest(content):
        save(target.with_name(target.name + NEW), content)
        return "yours, the new one beside it"
    return "yours"


def reset(root: Path, exercise: Exercise) -> list[tuple[Path, Path]]:
    """Put an exercise's files back as they were handed out; returns (file, copy kept of it)."""
    kept = []
    for path in exercise.handed_out:
        target = root / exercise.name / path
        content = (exercise.folder / path).read_bytes()
        if target.exists() and target.read_bytes() != content:
            copy = free_name(target)
            save(copy, target.read_bytes())
            kept.append((target, copy))
        save(target, content)
    return kept


def free_name(path: Path) -> Path:
    """A name beside ``path`` that nothing has: exercise.before-1.py."""
    number = 1
    while True:
        candidate = path.with_name(f"{path.stem}.before-{number}{path.suffix}")
        if not candidate.exists():
            return candidate
        number += 1


def save(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, content)


def save_json(path: Path, value: object) -> None:
    save(path, msgspec.json.format(msgspec.json.encode(value)))


def read_handed_out(root: Path) -> dict[str, str]:
    path = root / KEPT / HANDED_OUT
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, OSError) as error:
        raise UsageError(f"{path}: {error}; move it away to have files laid beside yours") from None


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
