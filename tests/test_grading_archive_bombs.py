"""Archives that would unpack to too much: they end within bounds, and are told."""

from __future__ import annotations

import gzip
import struct
import tarfile
import time
import tracemalloc
from pathlib import Path

import pytest
from archive_builders import SMALL, member, names, old_zip, tarred, told, tree_in, unpacked, zipped

from workshop.grading.intake.archive import unpack
from workshop.grading.intake.guarded import DAMAGED
from workshop.grading.intake.tree import BOMB, BROKEN, LARGE, MIB, Bounds, FullError
from workshop.grading.intake.untar import SPARSE
from workshop.grading.intake.unzip import NO_LIST, OVERLAPPING


def test_a_file_that_unpacks_to_far_more_than_it_takes_is_left_out(tmp_path: Path) -> None:
    bounds = Bounds(total=64 * MIB, file=32 * MIB)
    files = {"bomb.out": bytes(16 * MIB), "kept.py": b"x"}
    tree = unpacked(zipped(tmp_path / "a.zip", files), tmp_path, bounds)
    assert names(tree) == ["kept.py"]
    assert told(tree) == {BOMB}
    assert tree.written <= 5 * MIB


def test_a_compressed_tar_of_zeros_is_a_bomb(tmp_path: Path) -> None:
    bounds = Bounds(total=256 * MIB, file=128 * MIB)
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb") as file:
        file.write(member("first.py").tobuf() + b"xxx".ljust(512, b"\0"))
        file.write(member("zeros", 48 * MIB).tobuf() + bytes(48 * MIB))
    tree = unpacked(path, tmp_path, bounds)
    assert names(tree) == ["first.py"]
    assert BOMB in told(tree)


def test_entries_that_share_their_bytes_are_a_bomb(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(old_zip(b"x.py", b"x" * 1000, times=100))
    tree = unpacked(tmp_path / "a.zip", tmp_path)
    assert names(tree) == []
    assert tree.left_out.counts == {OVERLAPPING: 100}


def test_a_million_entries_take_no_time_and_no_memory(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(old_zip(b"x.py", times=1_000_000))
    before = time.process_time()
    tracemalloc.start()
    tree = unpacked(tmp_path / "a.zip", tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - before < 2
    assert peak < 20 * MIB
    assert told(tree) == {NO_LIST}


def test_more_files_than_there_may_be_end_it_and_the_first_are_kept(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {f"{i:03}.py": b"x" for i in range(60)})
    tree = tree_in(tmp_path)
    with pytest.raises(FullError):
        unpack(archive, tree)
    assert len(names(tree)) == SMALL.files


def test_what_an_archive_claims_about_sizes_counts_for_nothing(tmp_path: Path) -> None:
    content = zipped(tmp_path / "a.zip", {"a.out": bytes(3 * MIB)}).read_bytes()
    lies = content.replace(struct.pack("<I", 3 * MIB), struct.pack("<I", 10))
    (tmp_path / "a.zip").write_bytes(lies)
    tree = unpacked(tmp_path / "a.zip", tmp_path)
    assert names(tree) == []
    assert told(tree) <= {BROKEN, LARGE, DAMAGED}


def test_a_tar_that_is_all_headers_ends(tmp_path: Path) -> None:
    long_name = member("././@LongLink", 2**40, type=tarfile.GNUTYPE_LONGNAME)
    going_back = bytearray(member("x", 0).tobuf())
    going_back[124:136] = b"\xff" * 12  # a negative size
    summed = sum(going_back[:148]) + sum(going_back[156:512]) + 8 * 32
    going_back[148:156] = b"%06o\0 " % summed
    sparse = member("hole", 0, type=tarfile.GNUTYPE_SPARSE)
    for i, raw in enumerate((long_name.tobuf(), bytes(going_back), sparse.tobuf())):
        path = tmp_path / f"{i}.tar"
        path.write_bytes(member("kept").tobuf() + b"xxx".ljust(512, b"\0") + raw + bytes(10240))
        tree = unpacked(path, tmp_path / str(i))
        assert names(tree) == ["kept"]
        assert told(tree) & {DAMAGED, SPARSE}


def test_an_environment_that_was_packed_along_does_not_use_the_bounds_up(tmp_path: Path) -> None:
    names_of = [f".venv/lib/{i}.py" for i in range(SMALL.entries + 1)] + ["kept.py"]
    zipped(tmp_path / "a.zip", dict.fromkeys(names_of, b""))
    tarred(tmp_path / "a.tar.gz", [member(name, 0) for name in names_of], "w:gz")
    for name in ("a.zip", "a.tar.gz"):
        tree = unpacked(tmp_path / name, tmp_path / f"of-{name}")
        assert names(tree) == ["kept.py"]
        assert not told(tree)
