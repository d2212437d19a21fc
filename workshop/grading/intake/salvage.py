"""What is left of a zip that was cut off: its list of files stood at the end, the files did not.

Each file begins with a header of its own. As long as one follows on the other, they can be read
without the list; each is kept only if its checksum is right.

    https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT    4.3.7, 4.3.9
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from workshop.grading.intake.tree import CHUNK

_MAGIC = b"PK\x03\x04"
_HEADER = struct.Struct("<4sHHHHHIIIHH")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_FOLLOW, _UTF8 = 0x1, 0x8, 0x800


@dataclass
class Salvaged:
    """One file, to be read once and to its end before the next.

    Attributes:
        left: bytes that the file takes in the archive and that are not read yet; None where the
            archive does not say.
    """

    name: str
    file: BinaryIO
    deflated: bool
    checksum: int | None
    left: int | None
    sum: int = 0
    ended: bool = False
    _inflater: zlib._Decompress = field(default_factory=lambda: zlib.decompressobj(-zlib.MAX_WBITS))

    def read(self, count: int) -> bytes:
        """Up to so many bytes; raises EOFError or zlib.error where it is cut off or damaged."""
        while not self.ended:
            chunk = self._inflate(count) if self.deflated else self._packed(min(count, CHUNK))
            self.ended = self._inflater.eof if self.deflated else self.left == 0
            self.sum = zlib.crc32(chunk, self.sum)
            if chunk:
                return chunk
        if self.checksum is None:
            self.checksum = after_sizes(self.file)
        if self.checksum != self.sum:
            raise EOFError("a wrong checksum")
        return b""

    def _inflate(self, count: int) -> bytes:
        chunk = self._inflater.decompress(self._inflater.unconsumed_tail, count)
        if not chunk and not self._inflater.eof:
            chunk = self._inflater.decompress(self._packed(CHUNK), count)
        if self._inflater.eof:
            self.file.seek(-len(self._inflater.unused_data), 1)
        return chunk

    def _packed(self, count: int) -> bytes:
        if self.left == 0:
            raise EOFError("it ends before its end")
        packed = self.file.read(count if self.left is None else min(count, self.left))
        if not packed:
            raise EOFError("the archive ends here")
        if self.left is not None:
            self.left -= len(packed)
        return packed


def after_sizes(file: BinaryIO) -> int:
    """The checksum that stands after a file, with its sizes; its signature may be missing.

    What is read next is the header that follows.
    """
    start = file.tell()
    words = file.read(24 + len(_MAGIC))
    signed = words.startswith(b"PK\x07\x08")
    checksum = int.from_bytes(words[4:8] if signed else words[:4], "little")
    at = words.find(_MAGIC)
    file.seek(start + at if at >= 0 else start + len(words))
    return checksum


def salvaged(file: BinaryIO) -> Iterator[Salvaged]:
    """The files of a zip from its beginning, as long as they follow each other and have sizes.

    Each must be read to its end, or its reading have failed, before the next is asked for.
    """
    file.seek(0)
    while True:
        start = file.tell()
        raw = file.read(_HEADER.size)
        if len(raw) < _HEADER.size or not raw.startswith(_MAGIC):
            return
        _, _, flags, method, _, _, checksum, packed, _, name_length, extra = _HEADER.unpack(raw)
        name = file.read(name_length)
        file.seek(extra, 1)
        unknown = bool(flags & _SIZES_FOLLOW)
        if flags & _ENCRYPTED or method not in (_STORED, _DEFLATED) or packed == 0xFFFFFFFF:
            return
        if unknown and name.endswith(b"/"):
            after_sizes(file)
            continue
        if unknown and method == _STORED:
            return  # nothing tells where it ends
        one = Salvaged(
            name.decode("utf-8" if flags & _UTF8 else "cp437", "replace"),
            file,
            method == _DEFLATED,
            None if unknown else checksum,
            None if unknown else packed,
            ended=method == _STORED and packed == 0,
        )
        yield one
        if not one.ended:
            if unknown:
                return
            file.seek(start + _HEADER.size + name_length + extra + packed)
