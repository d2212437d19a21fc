"""Archives from outside: what comes in is plain files, and the rest is told."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from archive_builders import SMALL, member, names, old_zip, tarred, told, unpacked, zipped
from hypothesis import given
from hypothesis import strategies as st

from workshop.grading.intake.left_out import Reason
from workshop.grading.intake.tree import (
    CLASH,
    CONTROL,
    DEEP,
    ESCAPE,
    LINK,
    LONG,
    NAMELESS,
    SPECIAL,
    safe,
)

# What comes in


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_of_any_kind_is_unpacked(tmp_path: Path, mode: str) -> None:
    archive = tarred(tmp_path / "a.tar", [member("napkin/exercise.py"), member("job.out")], mode)
    tree = unpacked(archive, tmp_path)
    assert names(tree) == ["job.out", "napkin/exercise.py"]
    assert not told(tree)


def test_modes_and_owners_are_dropped(tmp_path: Path) -> None:
    archive = tarred(tmp_path / "a.tar", [member("x.py", mode=0o6777, uid=12345)])
    there = (unpacked(archive, tmp_path).root / "x.py").stat()
    assert (stat.S_IMODE(there.st_mode), there.st_uid) == (0o600, os.getuid())


def test_what_machines_leave_behind_stays_out_without_a_word(tmp_path: Path) -> None:
    files = dict.fromkeys(
        ["__MACOSX/._a.py", "a/.DS_Store", "a/.git/config", ".venv/x.py", "a/b.pyc", "a.py"], b"x"
    )
    tree = unpacked(zipped(tmp_path / "a.zip", files), tmp_path)
    assert names(tree) == ["a.py"]
    assert not told(tree)


@pytest.mark.parametrize("encoding", ["utf-8", "cp437"])
def test_names_in_no_stated_encoding_come_out_right(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.zip").write_bytes(old_zip("Müller.out".encode(encoding)))
    assert names(unpacked(tmp_path / "a.zip", tmp_path)) == ["Müller.out"]


def test_backslashes_are_folders(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(old_zip(b"napkin\\exercise.py"))
    assert names(unpacked(tmp_path / "a.zip", tmp_path)) == ["napkin/exercise.py"]


def test_an_archive_that_holds_itself_stays_a_file(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "r.zip", {"r.zip": b"PK", "x": b"x"}).read_bytes()
    tree = unpacked(zipped(tmp_path / "q.zip", {"r.zip": inner}), tmp_path)
    assert names(tree) == ["r.zip"]


# What does not


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../escaped.py", ESCAPE),
        ("a/../../escaped.py", ESCAPE),
        ("/etc/cron.d/escaped", ESCAPE),
        ("..\\..\\escaped.py", ESCAPE),
        ("C:\\Windows\\escaped.py", ESCAPE),
        ("C:escaped.py", ESCAPE),
        ("\\\\server\\share\\x.py", ESCAPE),
        ("a/\u202eyp.esicrexe", CONTROL),
        ("a/\x1b[2Jx.py", CONTROL),
        ("n" * 10_000, LONG),
        ("d/" * 30 + "x.py", DEEP),
        ("a/\ud800.py", NAMELESS),
        (".//.", NAMELESS),
    ],
)
def test_a_name_that_is_none_is_left_out_and_told(tmp_path: Path, name: str, why: Reason) -> None:
    assert safe(name, SMALL) is why
    if "\ud800" not in name and name != ".//.":
        for archive in (
            zipped(tmp_path / "a.zip", {name: b"x", "kept.py": b"y"}),
            tarred(tmp_path / "a.tar", [member(name), member("kept.py")]),
        ):
            tree = unpacked(archive, tmp_path / archive.suffix)
            assert names(tree) == ["kept.py"]
            assert told(tree) == {why}
    assert sorted(path.name for path in tmp_path.iterdir() if "escaped" in path.name) == []


@given(st.text(max_size=60))
def test_no_name_leads_out_whatever_it_is(name: str) -> None:
    inside = safe(name, SMALL)
    if not isinstance(inside, Reason):
        assert not inside.is_absolute()
        assert ".." not in inside.parts
        assert os.path.normpath(f"/root/{inside}").startswith("/root/")


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.SYMTYPE, LINK),
        (tarfile.LNKTYPE, LINK),
        (tarfile.CHRTYPE, SPECIAL),
        (tarfile.BLKTYPE, SPECIAL),
        (tarfile.FIFOTYPE, SPECIAL),
        (b"Z", SPECIAL),
    ],
)
def test_a_tar_makes_no_links_and_no_devices(tmp_path: Path, kind: bytes, why: Reason) -> None:
    odd = member("a", 0, type=kind, linkname="/etc/passwd")
    tree = unpacked(tarred(tmp_path / "a.tar", [odd, member("a/passwd"), member("b")]), tmp_path)
    assert "b" in names(tree)
    assert told(tree) == {why}
    assert not any(path.is_symlink() for path in tree.root.rglob("*"))


@pytest.mark.parametrize(("kind", "why"), [(stat.S_IFLNK, LINK), (stat.S_IFIFO, SPECIAL)])
def test_a_zip_makes_no_links_either(tmp_path: Path, kind: int, why: Reason) -> None:
    link = zipfile.ZipInfo("link.py")
    link.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    tree = unpacked(tmp_path / "a.zip", tmp_path)
    assert names(tree) == []
    assert told(tree) == {why}


def test_names_that_some_disk_takes_for_one_are_told(tmp_path: Path) -> None:
    files = {"Exercise.py": b"1", "exercise.py": b"2", "é.out": b"3", "e\u0301.out": b"4"}
    tree = unpacked(zipped(tmp_path / "a.zip", files), tmp_path)
    assert names(tree) == ["Exercise.py", "é.out"]
    assert (told(tree), tree.left_out.counts[CLASH]) == ({CLASH}, 2)
    assert (tree.root / "Exercise.py").read_bytes() == b"1"


def test_a_file_where_a_folder_is_is_told(tmp_path: Path) -> None:
    tree = unpacked(
        zipped(tmp_path / "a.zip", {"a": b"", "a/b": b"", "c/d": b"", "c": b""}), tmp_path
    )
    assert names(tree) == ["a", "c/d"]
    assert told(tree) == {CLASH}
