"""Attempts: what each person handed in, counted by the time at which it came."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from workshop.grading.intake.left_out import shown
from workshop.grading.records import Finding, Participant, Severity

LONGEST_PATH = 1000  # characters of a path that are repeated


@dataclass(frozen=True)
class Attempt:
    """What one person handed in at one time, ready to be graded.

    Attributes:
        participant: of the roster; of somebody unknown, a stand-in called after the submission.
        known: whether it is one of the roster.
        number: 1 for the first that came.
        handed_in: with its zone; None where nothing tells.
        source: where it came from; inside an archive of all, as if that were a folder.
        folder: <exercise>/exercise.py and answers.toml, job logs (*.out, *.log) anywhere below.
        digest: SHA-256 over relative paths and contents.
        remarks: what became of it on its way.
    """

    participant: Participant
    known: bool
    number: int
    handed_in: datetime | None
    source: Path
    folder: Path
    digest: str
    remarks: list[Finding]


@dataclass(frozen=True)
class Gathered:
    """All that was handed in.

    Attributes:
        remarks: on what is nobody's, and what concerns several.
    """

    attempts: list[Attempt]
    remarks: list[Finding]


def beside_their_own(attempts: Sequence[Attempt], of_all: Collection[Path]) -> list[Attempt]:
    """A doubt on what came in an archive of all of people who have handed in by name as well.

    Whoever made that archive wrote all the names in it.
    """
    own = {one.participant.id for one in attempts if one.known and one.folder not in of_all}
    sentence = "it came in an archive of many, beside one of their own: see who made the archive"
    doubts = [Finding("doubt", "", sentence, private=True)]
    return [
        replace(one, remarks=[*one.remarks, *doubts])
        if one.known and one.folder in of_all and one.participant.id in own
        else one
        for one in attempts
    ]


def numbered(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Attempts with their numbers, by the time at which each person's came; doubles only once.

    An attempt of which nobody knows when it came stands before those with a time.
    """
    people: dict[tuple[bool, str], list[Attempt]] = {}
    for one in attempts:
        people.setdefault((one.known, one.participant.id), []).append(one)
    counted = []
    for theirs in people.values():
        once = _once(sorted(theirs, key=_came))
        for number, one in enumerate(once, 1):
            remarks = []
            if len(once) > 1:
                others = ", ".join(shown(str(other.source)) for other in once if other is not one)
                sentence = f"this is attempt {number} of {len(once)}"
                unclear = any(other.handed_in is None for other in once)
                why = "; not all of them have a time, so the order is in doubt" if unclear else ""
                severity: Severity = "doubt" if unclear else "note"
                remarks = [Finding(severity, "", sentence + why, {"others": others})]
            counted.append(replace(one, number=number, remarks=[*one.remarks, *remarks]))
    return counted


def _came(attempt: Attempt) -> tuple[float, str]:
    when = attempt.handed_in.timestamp() if attempt.handed_in else float("-inf")
    return when, str(attempt.source)


def _once(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Without those that have an earlier one's content, which are told of at that one."""
    distinct: dict[str, Attempt] = {}
    for number, one in enumerate(attempts):
        empty = not any(one.folder.iterdir())
        name = f"{one.digest}-{number}" if empty else one.digest
        if name not in distinct:
            distinct[name] = one
            continue
        shutil.rmtree(one.folder)
        earlier = distinct[name]
        evidence = {"again": shown(str(one.source), LONGEST_PATH)}
        if one.handed_in:
            evidence["handed in again"] = one.handed_in.isoformat(" ", "seconds")
        repeated = Finding("note", "", "the same was handed in again: it is one attempt", evidence)
        distinct[name] = replace(earlier, remarks=[*earlier.remarks, repeated])
    return list(distinct.values())


def digest_of(folder: Path) -> str:
    """SHA-256 over the relative paths and contents of the files in a folder of ours."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
