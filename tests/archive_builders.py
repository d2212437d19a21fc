"""Archives made by hand, and what is there of one that was unpacked."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from pathlib import Path

from workshop.grading.intake.archive import unpack
from workshop.grading.intake.left_out import LeftOut, Reason
from workshop.grading.intake.tree import MIB, Bounds, Tree

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
