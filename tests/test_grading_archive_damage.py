"""Archives that are damaged, or none: what is whole is kept, and the rest is told."""

from __future__ import annotations

import gzip
import random
import zipfile
from pathlib import Path

import pytest
from archive_builders import member, names, old_zip, tarred, told, tree_in, unpacked, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from workshop.grading.intake.archive import EMPTY, FOREIGN_KIND, unpack
from workshop.grading.intake.guarded import DAMAGED, NO_ARCHIVE
from workshop.grading.intake.left_out import Reason
from workshop.grading.intake.tree import BROKEN
from workshop.grading.intake.unzip import ENCRYPTED, METHOD, NO_LIST

# Nothing can be read


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.zip", b"", EMPTY),
        ("a.zip", b"PK\x05\x06" + bytes(18), EMPTY),
        ("a.zip", b"<html>log in</html>", NO_ARCHIVE),
        ("a.zip", b"PK\x03\x04 but no more", NO_LIST),
        ("a.tar", b"", EMPTY),
        ("a.tar", bytes(10240), EMPTY),
        ("a.tar", b"not a tar" * 100, NO_ARCHIVE),
        ("a.tar.gz", b"\x1f\x8b\x08 broken", DAMAGED),
        ("a.tar.gz", gzip.compress(b"just text, and no tar", mtime=0), NO_ARCHIVE),
        ("a.tgz", gzip.compress(b"", mtime=0), EMPTY),
        ("a.tar.xz", b"\xfd7zXZ\x00broken", DAMAGED),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", FOREIGN_KIND),
        ("a.rar", b"Rar!", FOREIGN_KIND),
    ],
)
def test_what_is_no_archive_is_told_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, why: Reason
) -> None:
    (tmp_path / name).write_bytes(content)
    tree = unpacked(tmp_path / name, tmp_path)
    assert names(tree) == []
    (finding,) = tree.left_out.findings()
    assert finding.sentence == f"{name} was {why.became}: {why.why}"


def test_encrypted_files_are_told_and_the_others_kept(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(old_zip(b"secret.py", flags=1))
    assert told(unpacked(tmp_path / "a.zip", tmp_path)) == {ENCRYPTED}


def test_a_method_that_cannot_be_bounded_is_told(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a.py": b"x" * 100}, zipfile.ZIP_BZIP2)
    assert told(unpacked(archive, tmp_path)) == {METHOD}


# Something can


def test_of_a_tar_that_was_cut_off_the_whole_files_are_kept(tmp_path: Path) -> None:
    whole = tarred(tmp_path / "a.tar", [member("a", 600), member("b", 600), member("c", 600)])
    content = whole.read_bytes()[: 2 * 1536 + 512 + 100]
    for name, cut in (("b.tar", content), ("b.tar.gz", gzip.compress(content)[:-6])):
        (tmp_path / name).write_bytes(cut)
        tree = unpacked(tmp_path / name, tmp_path / f"of-{name}")
        assert names(tree) == ["a", "b"]
        assert told(tree) & {DAMAGED, BROKEN}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_that_was_cut_off_is_refused_as_a_whole(tmp_path: Path, method: int) -> None:
    """Its list of files stands at its end."""
    noise = {f"{name}/x.py": random.Random(name).randbytes(100_000) for name in "abc"}
    content = zipped(tmp_path / "whole.zip", {"folder/": b"", **noise}, method).read_bytes()
    (tmp_path / "a.zip").write_bytes(content[: len(content) - 50_000])
    tree = unpacked(tmp_path / "a.zip", tmp_path)
    assert names(tree) == []
    assert told(tree) == {NO_LIST}


def test_a_wrong_checksum_costs_one_file(tmp_path: Path) -> None:
    files = {"a.py": b"a" * 50, "b.py": b"b" * 50}
    content = zipped(tmp_path / "a.zip", files, zipfile.ZIP_STORED).read_bytes()
    (tmp_path / "a.zip").write_bytes(content.replace(b"a" * 50, b"a" * 49 + b"!"))
    tree = unpacked(tmp_path / "a.zip", tmp_path)
    assert names(tree) == ["b.py"]
    assert told(tree) == {BROKEN}


def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("broken")


@settings(max_examples=60)
@given(
    kind=st.sampled_from(["a.zip", "a.tar", "a.tar.gz", "a.tar.xz"]),
    seed=st.integers(0, 2**32),
    cut=st.floats(0, 1),
)
def test_damage_of_any_kind_is_survived(
    tmp_path_factory: pytest.TempPathFactory, kind: str, seed: int, cut: float
) -> None:
    place = fresh(tmp_path_factory)
    path = place / kind
    if kind == "a.zip":
        zipped(path, {"a.py": b"a" * 300, "b/c.py": b"b" * 300})
    else:
        mode = {"a.tar": "w", "a.tar.gz": "w:gz", "a.tar.xz": "w:xz"}[kind]
        tarred(path, [member("a.py", 300), member("b/c.py", 300)], mode)
    content = bytearray(path.read_bytes())
    chance = random.Random(seed)
    for _ in range(chance.randrange(1, 8)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    path.write_bytes(content[: max(1, int(len(content) * cut))] if cut < 0.7 else content)
    tree = tree_in(place)
    unpack(path, tree)
    names(tree)
    assert sorted(one.name for one in place.iterdir()) == sorted([kind, "tree"])
