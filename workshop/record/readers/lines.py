"""The lines of a log that matter, found without looking at the others.

Most of a long log is a model's text. Python reads some ten megabytes of lines a second, but it
searches bytes for a word at gigabytes a second: so whole blocks are searched, and only lines that
hold one of a format's needles are cut out and decoded. Of a file, a few blocks are held at a time.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

from workshop.util.text import SKIPPED

LONGEST_LINE = 16_000_000  # characters; a record with thousands of tokens has some ten thousand
BLOCK = 1 << 17  # bytes that are read at a time

# What a terminal acts on and a person does not see: colours, cursor movements, titles.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
# What most text is made of: what is left of a word without it is searched for first.
_COMMON = b"abcdefghijklmnopqrstuvwxyz "
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, to be read more than once; what comes through a pipe is kept until then."""
    with path.open("rb") as file:
        if file.seekable():
            yield file
            return
        with tempfile.TemporaryFile() as kept:
            shutil.copyfileobj(file, kept)
            kept.seek(0)
            yield kept


def visible(line: str) -> str:
    """The line without terminal escapes, and without the zeros of a hole in a file."""
    if "\x1b" in line:
        line = _ESCAPES.sub("", line)
    return line.replace("\0", "")


def bounded_lines(file: BinaryIO, longest: int = LONGEST_LINE) -> Iterator[str]:
    """Every line, without its end, and without what a person would not see of it.

    A line over ``longest`` characters comes out as ``SKIPPED``; it is never held in memory.
    """
    chunk = file.read(BLOCK)
    encoding = "utf-16" if chunk[:2] in _UTF16 else "utf-8-sig"
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(encoding)(errors="replace"), translate=True
    )
    parts: list[str] = []
    length = 0
    while True:
        *ended, rest = decoder.decode(chunk, final=not chunk).split("\n")
        for piece in ended:
            length += len(piece)
            yield visible("".join((*parts, piece))) if length <= longest else SKIPPED
            parts, length = [], 0
        length += len(rest)
        parts = [*parts, rest] if length <= longest else []
        if not chunk:
            break
        chunk = file.read(BLOCK)
    if length:
        yield visible("".join(parts)) if length <= longest else SKIPPED


def needle_lines(
    file: BinaryIO, needles: Sequence[bytes], anchors: Sequence[bytes] = ()
) -> Iterator[str]:
    """The lines that hold a needle, in their order.

    With ``anchors``, a block is searched for needles only if there is an anchor in it, in the one
    before or in the one after: what a format says stands near its anchors, and two searches of
    the many megabytes between are cheaper than a dozen.
    """
    for block in _near(blocks(file), anchors):
        yield from lines_with(block, needles)


def ends_and_needle_lines(file: BinaryIO, needles: Sequence[bytes], ends: int) -> Iterator[str]:
    """Every line of the first and the last ``ends`` bytes; between them, those with a needle."""
    size = os.stat(file.fileno()).st_size
    if size <= 2 * ends:
        yield from bounded_lines(file)
        return
    for block in blocks(file):
        if file.tell() <= ends or file.tell() > size - ends:
            yield from bounded_lines(io.BytesIO(block))
        else:
            yield from lines_with(block, needles)


def which_are_in(file: BinaryIO, sought: Sequence[Sequence[bytes]]) -> list[bool]:
    """Of which of these sets of words one is in the file; of the others of no block.

    The search ends where a word of the first set is found: then the others may be there too. A
    block without its small letters is a twentieth of it: what is not even there, as most words
    of logs are not in a model's text, need not be searched for in the block.
    """
    there = [False] * len(sought)
    wanted = _sketched(tuple(map(tuple, sought)))
    for block in blocks(file):
        rest = block.translate(None, _COMMON)
        for place, word, sketch in wanted:
            if not there[place] and sketch in rest and word in block:
                there[place] = True
                if there[0]:
                    return there
        if all(there):
            break
    return there


@cache
def _sketched(sought: tuple[tuple[bytes, ...], ...]) -> list[tuple[int, bytes, bytes]]:
    """Each word with its set's place, and what is left of it without small letters."""
    return [
        (place, word, word.translate(None, _COMMON))
        for place, words in enumerate(sought)
        for word in words
    ]


def first_line(file: BinaryIO) -> str:
    """The log's first line; the file is left at its beginning."""
    line, _, _ = next(blocks(file), b"").partition(b"\n")
    file.seek(0)
    return visible(line.decode(errors="replace"))


def lines_with(block: bytes, needles: Sequence[bytes]) -> Iterator[str]:
    """The lines of a block that hold a needle."""
    spans: dict[int, int] = {}
    for needle in needles:
        end = 0
        while (found := block.find(needle, end)) >= 0:
            start = block.rfind(b"\n", end, found) + 1 or end
            end = block.find(b"\n", found)
            if end < 0:
                end = len(block)
            spans[start] = end
    for start in sorted(spans):
        yield visible(block[start : spans[start]].decode(errors="replace"))


def blocks(file: BinaryIO, longest: int = LONGEST_LINE) -> Iterator[bytes]:
    """The file in UTF-8, in pieces that end where a line does; lines too long are left out.

    A carriage return ends a line too: what it parts is shown apart, as a progress bar is.
    """
    parts: list[bytes] = []  # a line whose end was not read yet
    length = 0
    for chunk in _utf8(file):
        end = chunk.rfind(b"\n") + 1
        if not end:
            length += len(chunk)
            parts = [*parts, chunk] if length <= longest else []
            continue
        first = chunk.find(b"\n") + 1
        if length + first <= longest:
            yield b"".join((*parts, memoryview(chunk)[:end]))
        else:
            yield chunk[first:end]
        parts, length = [chunk[end:]], len(chunk) - end
    if parts:
        yield b"".join(parts)


def _utf8(file: BinaryIO) -> Iterator[bytes]:
    """The file's bytes, as UTF-8 where it says that it is UTF-16, without zeros, with \\n alone."""
    chunk = file.read(BLOCK)
    decoder = None
    if chunk[:2] in _UTF16:
        decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
    chunk = chunk.removeprefix(codecs.BOM_UTF8)
    while chunk:
        if decoder is not None:
            chunk = decoder.decode(chunk).encode(errors="replace")
        if b"\0" in chunk:
            chunk = chunk.translate(None, b"\0")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r", b"\n")
        if chunk:
            yield chunk
        chunk = file.read(BLOCK)


def _near(pieces: Iterator[bytes], anchors: Sequence[bytes]) -> Iterator[bytes]:
    """The blocks with an anchor, and their neighbours."""
    if not anchors:
        yield from pieces
        return
    before: bytes | None = None  # the last block, if it was not passed on
    after = False  # whether the last block held an anchor
    for block in pieces:
        if any(anchor in block for anchor in anchors):
            if before is not None:
                yield before
            yield block
            before, after = None, True
        elif after:
            yield block
            before, after = None, False
        else:
            before = block
