"""Submissions that attack the one who gathers them, or others: they end, and are told of."""

from __future__ import annotations

import os
from pathlib import Path

from submission_builders import CODE, WORK, files, gathered, lay, packed, told

# In the name of others


def test_nobody_hands_in_for_others(tmp_path: Path) -> None:
    hostile = {"s1/napkin/exercise.py": "raise", "s2/napkin/exercise.py": "raise"}
    folder = lay(tmp_path / "all", {"s3.zip": packed(hostile), "m.zip": packed(hostile)})
    lay(folder / "mallory", hostile)
    lay(folder / "s1", WORK)
    found = gathered(tmp_path, folder)
    assert [one.participant.id for one in found.attempts if one.known] == ["s3", "s1"]


def test_an_archive_with_names_of_others_beside_their_own_is_told_of(tmp_path: Path) -> None:
    hostile = {"s1/napkin/exercise.py": "raise", "s2/napkin/exercise.py": "raise"}
    lay(tmp_path, {"s1.zip": packed(WORK), "class.zip": packed(hostile)})
    attempts = gathered(tmp_path, tmp_path / "s1.zip", tmp_path / "class.zip").attempts
    doubted = [one.source for one in attempts if "see who made" in told(one.remarks)]
    assert [one.participant.id for one in attempts] == ["s1", "s1", "s2"]
    assert doubted == [tmp_path / "class.zip" / "s1"]


# On the one who gathers


def test_links_in_a_submission_lead_nowhere(tmp_path: Path) -> None:
    folder = lay(tmp_path / "all/s1", WORK).parent
    mallory = folder / "s2"
    mallory.mkdir()
    (mallory / "napkin").symlink_to(folder / "s1/napkin")
    (mallory / "compile").mkdir()
    (mallory / "compile/exercise.py").symlink_to(folder / "s1/napkin/exercise.py")
    (mallory / "passwd.out").symlink_to("/etc/passwd")
    (mallory / "timestamp.txt").symlink_to("/etc/passwd")
    os.mkfifo(mallory / "job.out")
    (folder / "s3").symlink_to(folder / "s1")
    found = gathered(tmp_path, folder)
    assert [files(one) for one in found.attempts] == [sorted(WORK), []]
    assert "never followed" in told(found.attempts[1].remarks)
    assert "s3" in told(found.remarks)


def test_names_that_cannot_be_printed_are_told_and_harm_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    odd = ["\u202egpj.s1", "a\nb\x1b[2J", b"bytes\xff".decode("utf-8", "surrogateescape")]
    for name in odd:
        lay(folder / name, {"napkin.py": CODE})
    found = gathered(tmp_path, folder)
    assert len(found.attempts) == 3
    for attempt in found.attempts:
        assert attempt.participant.id.isprintable()
        assert str(attempt.source).isprintable()
        assert files(attempt) == ["napkin/exercise.py"]


def test_quines_and_bombs_in_bombs_end(tmp_path: Path) -> None:
    inner = packed({"r.zip": packed({"r.zip": packed(WORK)})})
    bombs = packed({f"{i}.zip": packed({"zeros.out": bytes(17_000_000)}) for i in range(4)})
    folder = lay(tmp_path / "all", {"s1.zip": inner, "s2.zip": bombs})
    first, second = gathered(tmp_path, folder).attempts
    assert (files(first), files(second)) == ([], [])
    assert "not unpacked" in told(first.remarks)
    assert "a bomb" in told(second.remarks)


def test_answers_of_a_hundred_megabytes_are_kept_out(tmp_path: Path) -> None:
    bomb = packed({**WORK, "compile/answers.toml": b"#" * 100_000_000})
    lay(
        tmp_path / "all", {"s1.zip": bomb, "s2.zip": packed({"napkin/answers.toml": "#" * 200_000})}
    )
    first, second = gathered(tmp_path, tmp_path / "all").attempts
    assert files(first) == sorted(WORK)
    assert "compile/answers.toml was left out" in told(first.remarks)
    assert files(second) == []
    assert "answers of more than 100 kB" in told(second.remarks)
