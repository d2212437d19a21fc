"""Archives from outside: what comes in is plain files, within bounds, and the rest is told."""

from __future__ import annotations

import gzip
import io
import os
import random
import socket
import stat
import struct
import tarfile
import time
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workshop.grading.intake import folder
from workshop.grading.intake.archive import EMPTY, FOREIGN_KIND, unpack
from workshop.grading.intake.guarded import DAMAGED, NO_ARCHIVE
from workshop.grading.intake.left_out import LeftOut, Reason
from workshop.grading.intake.tree import (
    BOMB,
    BROKEN,
    CLASH,
    CONTROL,
    DEEP,
    ESCAPE,
    LARGE,
    LINK,
    LONG,
    MIB,
    NAMELESS,
    SPECIAL,
    Bounds,
    FullError,
    Tree,
    safe,
)
from workshop.grading.intake.untar import SPARSE
from workshop.grading.intake.unzip import ENCRYPTED, METHOD, OVERLAPPING

SMALL = Bounds(total=2 * MIB, file=MIB, files=50, entries=200, seconds=20)


def tree_in(place: Path, bounds: Bounds = SMALL) -> Tree:
    root = place / "tree"
    root.mkdir(parents=True)
    return Tree(root, LeftOut("submission"), bounds)


def zipped(
    path: Path,
    files: dict[str, bytes],
    method: int = zipfile.ZIP_DEFLATED,
    streamed: bool = False,
) -> Path:
    """A zip; one that was streamed says the sizes of a file after it."""
    held = Streamed() if streamed else io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 20, 23, 58, 0)), content, method)
    path.write_bytes(held.getvalue())
    return path


class Streamed(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError("a pipe has no place")


def tarred(path: Path, members: list[tarfile.TarInfo], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name: str, size: int = 3, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def unpacked(archive: Path, place: Path, bounds: Bounds = SMALL) -> Tree:
    tree = tree_in(place, bounds)
    unpack(archive, tree)
    return tree


def names(tree: Tree) -> list[str]:
    """What is there: as the tree says, and nothing else on the disk."""
    there = sorted(
        path.relative_to(tree.root).as_posix()
        for path in tree.root.rglob("*")
        if not path.is_dir() or path.is_symlink()
    )
    assert there == [str(path) for path in tree.files]
    return there


def told(tree: Tree) -> set[Reason]:
    return set(tree.left_out.counts)


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


def old_zip(name: bytes, content: bytes = b"x", flags: int = 0, times: int = 1) -> bytes:
    """A zip by hand: a stored file whose name is in no stated encoding, listed several times."""
    crc = zipfile.crc32(content)
    sizes = struct.pack("<III", crc, len(content), len(content))
    common = struct.pack("<HHHHH", 20, flags, 0, 0, 0x21) + sizes + struct.pack("<H", len(name))
    local = b"PK\x03\x04" + common + struct.pack("<H", 0) + name + content
    listed = b"PK\x01\x02" + struct.pack("<H", 20) + common
    listed += struct.pack("<HHHHII", 0, 0, 0, 0, 0, 0) + name
    end = struct.pack(
        "<HHHHIIH", 0, 0, *[min(times, 0xFFFE)] * 2, len(listed) * times, len(local), 0
    )
    return local + listed * times + b"PK\x05\x06" + end


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


# Bombs


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
    assert told(tree) == {DAMAGED}


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


def test_an_archive_that_holds_itself_stays_a_file(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "r.zip", {"r.zip": b"PK", "x": b"x"}).read_bytes()
    tree = unpacked(zipped(tmp_path / "q.zip", {"r.zip": inner}), tmp_path)
    assert names(tree) == ["r.zip"]


# Damage


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.zip", b"", EMPTY),
        ("a.zip", b"PK\x05\x06" + bytes(18), EMPTY),
        ("a.zip", b"<html>log in</html>", NO_ARCHIVE),
        ("a.zip", b"PK\x03\x04 but no more", DAMAGED),
        ("a.tar", b"", EMPTY),
        ("a.tar", bytes(10240), EMPTY),
        ("a.tar", b"not a tar" * 100, NO_ARCHIVE),
        ("a.tar.gz", b"\x1f\x8b\x08 broken", DAMAGED),
        ("a.tar.gz", gzip.compress(b"just text, and no tar"), NO_ARCHIVE),
        ("a.tgz", gzip.compress(b""), EMPTY),
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


def test_of_a_tar_that_was_cut_off_the_whole_files_are_kept(tmp_path: Path) -> None:
    whole = tarred(tmp_path / "a.tar", [member("a", 600), member("b", 600), member("c", 600)])
    content = whole.read_bytes()[: 2 * 1536 + 512 + 100]
    for name, cut in (("b.tar", content), ("b.tar.gz", gzip.compress(content)[:-6])):
        (tmp_path / name).write_bytes(cut)
        tree = unpacked(tmp_path / name, tmp_path / f"of-{name}")
        assert names(tree) == ["a", "b"]
        assert told(tree) & {DAMAGED, BROKEN}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("streamed", [False, True])
def test_of_a_zip_that_was_cut_off_the_whole_files_are_kept(
    tmp_path: Path, method: int, streamed: bool
) -> None:
    noise = {f"{name}/x.py": random.Random(name).randbytes(100_000) for name in "abc"}
    path = zipped(tmp_path / "whole.zip", {"folder/": b"", **noise}, method, streamed=streamed)
    content = path.read_bytes()
    (tmp_path / "a.zip").write_bytes(content[: len(content) - 50_000])
    tree = unpacked(tmp_path / "a.zip", tmp_path)
    if streamed and method == zipfile.ZIP_STORED:  # nothing says where a file ends
        assert names(tree) == []
    else:
        assert names(tree) == ["a/x.py", "b/x.py"]
        assert (tree.root / "b/x.py").read_bytes() == noise["b/x.py"]
    assert told(tree) <= {DAMAGED, BROKEN}


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), cut=st.integers(1, 900))
def test_what_is_salvaged_is_whole(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cut: int
) -> None:
    place = fresh(tmp_path_factory)
    chance = random.Random(seed)
    files = {f"{i}.py": chance.randbytes(chance.randrange(300)) for i in range(4)}
    content = bytearray(zipped(place / "a.zip", files, streamed=bool(seed % 2)).read_bytes()[:-cut])
    if content and seed % 3:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    (place / "a.zip").write_bytes(content)
    tree = tree_in(place)
    unpack(place / "a.zip", tree)
    for name in names(tree):
        assert (tree.root / name).read_bytes() in files.values()


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


# A folder on a disk that others write to


def copied(source: Path, place: Path, bounds: Bounds = SMALL) -> Tree:
    tree = tree_in(place, bounds)
    folder.copy(source, tree)
    return tree


def test_a_folder_comes_in_with_its_times_and_without_its_git(tmp_path: Path) -> None:
    source = tmp_path / "ada"
    (source / "napkin").mkdir(parents=True)
    (source / ".git" / "hooks").mkdir(parents=True)
    (source / ".git" / "hooks" / "post-checkout").write_text("touch /tmp/owned")
    (source / "napkin" / "exercise.py").write_text("x = 1")
    os.utime(source / "napkin" / "exercise.py", (1e9, 1e9))
    tree = copied(source, tmp_path)
    assert names(tree) == ["napkin/exercise.py"]
    assert (tree.root / "napkin" / "exercise.py").stat().st_mtime == 1e9


def test_links_are_not_followed_and_pipes_and_sockets_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, neighbour = tmp_path / "mallory", tmp_path / "ada"
    source.mkdir()
    neighbour.mkdir()
    (neighbour / "exercise.py").write_text("the answer")
    (source / "passwd.out").symlink_to("/etc/passwd")
    (source / "napkin").symlink_to(neighbour)
    (source / "dangling").symlink_to("nowhere")
    os.mkfifo(source / "pipe.out")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(source)  # a socket's path may not be long
        listening.bind("socket.log")
    (source / "mine.py").write_text("x")
    tree = copied(source, tmp_path)
    assert names(tree) == ["mine.py"]
    assert tree.left_out.counts == {LINK: 3, SPECIAL: 2}


def test_a_folder_that_is_a_link_itself_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert told(copied(tmp_path / "link", tmp_path)) == {LINK}


def test_a_sparse_file_of_a_terabyte_is_not_read(tmp_path: Path) -> None:
    source = tmp_path / "ada"
    source.mkdir()
    with (source / "huge.out").open("wb") as file:
        file.truncate(2**40)
    tree = copied(source, tmp_path)
    assert (names(tree), told(tree), tree.written) == ([], {LARGE}, 0)


def test_folders_in_folders_without_end_come_to_one(tmp_path: Path) -> None:
    source = place = tmp_path / "ada"
    for _ in range(60):
        place = place / "d"
    place.mkdir(parents=True)
    (source / "x.py").write_text("x")
    tree = copied(source, tmp_path)
    assert names(tree) == ["x.py"]
    assert told(tree) == {DEEP}


def test_more_entries_than_anybody_makes_end_it(tmp_path: Path) -> None:
    source = tmp_path / "ada"
    source.mkdir()
    for number in range(30):
        (source / f"{number}.out").touch()
    with pytest.raises(FullError):
        copied(source, tmp_path, replace(SMALL, entries=20))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    source = tmp_path / "ada"
    source.mkdir()
    (source / "x.py").write_text("x")
    (source / "x.py").chmod(0)
    assert len(told(copied(source, tmp_path))) == 1


def test_an_environment_that_was_packed_along_does_not_use_the_bounds_up(tmp_path: Path) -> None:
    names_of = [f".venv/lib/{i}.py" for i in range(SMALL.entries + 1)] + ["kept.py"]
    zipped(tmp_path / "a.zip", dict.fromkeys(names_of, b""))
    tarred(tmp_path / "a.tar.gz", [member(name, 0) for name in names_of], "w:gz")
    for name in ("a.zip", "a.tar.gz"):
        tree = unpacked(tmp_path / name, tmp_path / f"of-{name}")
        assert names(tree) == ["kept.py"]
        assert not told(tree)
