"""What people hand in, however it is packed, and what is gathered of it."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workshop.grading.intake.roster import Roster
from workshop.grading.intake.submissions import Attempt, Gathered, gather
from workshop.grading.records import Finding, Participant

EXERCISES = ("napkin", "first-run", "compile")
ROSTER = Roster(
    [
        Participant("s1", "Ada Lovelace", "ada@example.org", others={"Identifier": "Person 4711"}),
        Participant("s2", "Grace Hopper", "grace@example.org", others={"ID": "902"}),
        Participant("s3", "Jörg Müller", account="jm42"),
        Participant("s4", "Maria Chen", "chen1@example.org"),
        Participant("s5", "Maria Chen", "chen2@example.org"),
    ]
)
CODE, ANSWERS, LOG = "def napkin(): ...", "bytes = 4", "Time for inference 1: ..."
WORK = {"napkin/exercise.py": CODE, "napkin/answers.toml": ANSWERS}
AT = datetime(2026, 11, 20, 23, 58, tzinfo=UTC)
Files = Mapping[str, Any]


def lay(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def packed(files: Files) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def gathered(place: Path, *paths: Path, roster: Roster = ROSTER) -> Gathered:
    into = Path(tempfile.mkdtemp(dir=place, prefix="into-"))
    found = gather(paths, roster, into, UTC, EXERCISES)
    left = sorted(path.name for path in into.iterdir() if not path.name.startswith("attempt-"))
    assert left == []
    assert sorted(one.folder for one in found.attempts) == sorted(into.iterdir())
    return found


def only(found: Gathered) -> Attempt:
    (attempt,) = found.attempts
    return attempt


def files(attempt: Attempt) -> list[str]:
    paths = (path for path in attempt.folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(attempt.folder).as_posix() for path in paths)


def told(findings: list[Finding], *but: str) -> str:
    """All that is said, but for the time, which always is."""
    said = (f"{one.about} {one.sentence} {one.evidence}" for one in findings)
    return "\n".join(one for one in said if "time handed in" not in one)
