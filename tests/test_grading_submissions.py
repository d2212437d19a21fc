"""Submissions: each is an attempt of the one whose it is, and nothing is lost."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from submission_builders import (
    AT,
    CODE,
    EXERCISES,
    ROSTER,
    WORK,
    files,
    gathered,
    lay,
    only,
    packed,
    told,
)

from workshop.grading.intake.attempts import digest_of
from workshop.grading.intake.submissions import gather
from workshop.util.errors import UsageError

# Whose


def test_what_fits_two_people_is_graded_as_unknown_and_told(tmp_path: Path) -> None:
    lay(tmp_path / "all", {"Maria Chen/napkin.py": CODE, "s1/napkin.py": CODE})
    unknown = next(one for one in gathered(tmp_path, tmp_path / "all").attempts if not one.known)
    assert unknown.participant.id == "unknown: Maria Chen"
    assert "Maria Chen (s4), Maria Chen (s5)" in told(unknown.remarks)


# Attempts


def test_attempts_are_numbered_by_the_time_at_which_they_came(tmp_path: Path) -> None:
    names = ["s1_20261121-080000.zip", "s1_2026-11-20_23-58.zip", "s1.zip"]
    folder = lay(tmp_path / "all", {n: packed({"napkin.py": n}) for n in names})
    os.utime(folder / "s1.zip", (AT.timestamp() + 60, AT.timestamp() + 60))
    attempts = gathered(tmp_path, folder).attempts
    assert [one.source.name for one in attempts] == [names[1], names[2], names[0]]
    assert [one.number for one in attempts] == [1, 2, 3]
    assert attempts[0].handed_in == AT
    by = [
        one.evidence["told by"] for a in attempts for one in a.remarks if "told by" in one.evidence
    ]
    assert by == ["the time in its name", "the time of its file", "the time in its name"]


def test_a_time_without_a_zone_is_one_of_the_rubrics(tmp_path: Path) -> None:
    lay(tmp_path / "all", {"s1_2026-11-20_23-58/napkin.py": CODE})
    zone = timezone(timedelta(hours=2))
    found = gather([tmp_path / "all"], ROSTER, tmp_path / "into", zone, EXERCISES)
    assert only(found).handed_in == AT - timedelta(hours=2)
    assert only(found).handed_in.utcoffset() == timedelta(hours=2)  # type: ignore[union-attr]


def test_the_same_twice_is_one_attempt_and_told(tmp_path: Path) -> None:
    lay(tmp_path / "all", {"s1.zip": packed(WORK), "Ada Lovelace.zip": packed(WORK)})
    attempt = only(gathered(tmp_path, tmp_path / "all"))
    assert attempt.number == 1
    assert "handed in again" in told(attempt.remarks)


def test_the_digest_is_of_what_is_graded_and_nothing_else(tmp_path: Path) -> None:
    lay(tmp_path / "a", WORK)
    lay(tmp_path / "b", WORK)
    assert digest_of(tmp_path / "a") == digest_of(tmp_path / "b")
    lay(tmp_path / "b", {"napkin/answers.toml": "bytes = 5"})
    assert digest_of(tmp_path / "a") != digest_of(tmp_path / "b")


def test_empty_and_broken_submissions_are_attempts_that_are_told_of(tmp_path: Path) -> None:
    broken = {"s1.zip": b"", "s2.zip": b"PK\x03\x04 no", "s3.tar.gz": b"\x1f\x8b", "s4.7z": b"7z"}
    folder = lay(tmp_path / "all", broken)
    (folder / "s5").mkdir()
    found = gathered(tmp_path, folder)
    attempts = found.attempts
    assert [one.participant.id for one in attempts] == ["s1", "s2", "s3", "s4"]
    assert "s5: the folder is empty, so nothing was handed in" in told(found.remarks)
    for attempt in attempts:
        assert files(attempt) == []
        assert "nothing of what was handed in" in told(attempt.remarks)


# Paths that a teacher names


def test_a_submission_may_be_named_itself(tmp_path: Path) -> None:
    lay(tmp_path / "s1", WORK)
    lay(tmp_path / "somebody", WORK)
    lay(tmp_path, {"s2.zip": packed(WORK), "stranger.zip": packed({"x.py": "1"})})
    paths = [tmp_path / name for name in ("s1", "somebody", "s2.zip", "stranger.zip")]
    found = gathered(tmp_path, *paths)
    ids = [one.participant.id for one in found.attempts]
    assert ids == ["s1", "unknown: somebody", "s2", "unknown: stranger"]


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no .*nowhere"):
        gather([tmp_path / "nowhere"], ROSTER, tmp_path / "into", UTC, EXERCISES)


def test_a_path_named_twice_is_taken_once(tmp_path: Path) -> None:
    lay(tmp_path / "s1", WORK)
    found = gathered(tmp_path, tmp_path / "s1", tmp_path / "s1" / ".." / "s1")
    assert "named twice" in told(found.remarks)
    only(found)


# Nobody is lost


entry_names = st.sampled_from(
    [
        *("s1", "s1_2", "Ada Lovelace", "lovelace-ada", "s2", "jm42", "Maria Chen", "stranger"),
        *("Ada Lovelace_4711_assignsubmission_file_", "hoppergrace_LATE_902_11_x", "group a"),
        *("s1+w+2026-11-20 23:58:00 UTC", "submission_1", "source", "Köln", "a b.c"),
    ]
)


contents = st.dictionaries(
    st.sampled_from(
        ["napkin/exercise.py", "x/compile/answers.toml", "job.out", "a.zip", "s2/x.py"]
    ),
    st.sampled_from(["", "x", "bytes = 4"]),
    max_size=3,
)


kinds = st.sampled_from(["folder", "zip", "broken zip", "file", "link"])


@settings(max_examples=60)
@given(st.dictionaries(entry_names, st.tuples(kinds, contents), max_size=7), st.booleans())
def test_every_entry_is_an_attempt_or_told_of(
    entries: dict[str, tuple[str, dict[str, str]]], as_archive: bool
) -> None:
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        folder = place / "all"
        folder.mkdir()
        names = [make(folder, name, kind, content) for name, (kind, content) in entries.items()]
        if as_archive:
            lay(folder / "s5", WORK)
            folder = archived(folder)
            names = [name for name in names if kept_in_an_archive(entries, name)]
        found = gathered(place, folder)
        said = told(found.remarks) + "".join(told(one.remarks) for one in found.attempts)
        for name in names:
            sources = [one.source for one in found.attempts]
            assert any(name in source.parts for source in sources) or name in said


def archived(folder: Path) -> Path:
    """One archive of all, as a teacher's system makes it: of files alone."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    target = folder.with_suffix(".zip")
    target.write_bytes(packed({str(p.relative_to(folder)): p.read_bytes() for p in paths}))
    return target


def kept_in_an_archive(entries: Mapping[str, tuple[str, dict[str, str]]], name: str) -> bool:
    kind, content = entries.get(name, ("file", {"x": ""}))
    return kind != "link" and (kind != "folder" or bool(content))


def make(folder: Path, name: str, kind: str, content: dict[str, str]) -> str:
    """Lay an entry of a kind; what it is called then."""
    if kind == "folder":
        lay(folder / name, content)
        (folder / name).mkdir(exist_ok=True)
        return name
    if kind == "link":
        (folder / name).symlink_to("/etc")
        return name
    end = ".txt" if kind == "file" else ".zip"
    (folder / f"{name}{end}").write_bytes(packed(content) if kind == "zip" else b"PK\x03\x04")
    return f"{name}{end}"
