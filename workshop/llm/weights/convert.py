"""Writing a checkpoint of any origin as one of ours: one pass, a tensor at a time, resumable.

The destination gets safetensors of bounded size with an index, the tokenizer, and config.json last
of all: without it, a directory is no checkpoint. ``checksums.json`` names every file that is
finished, so that an interrupted conversion goes on behind the last one, and a finished one can be
verified. Each file is written beside its place, flushed to the disk, and renamed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workshop.llm.weights.checkpoint import CONFIG, INDEX, WEIGHTS
from workshop.llm.weights.checksums import (
    CHECKSUMS,
    PARTIAL,
    Checksums,
    Written,
    as_json,
    is_finished,
    write_beside,
)
from workshop.llm.weights.finite import check_finite
from workshop.llm.weights.safetensors_file import CheckpointError, ahead, write

LARGEST_FILE = 4_000_000_000
COPIES = "copies of each channel"  # beside the source's files in checksums.json; no file's name

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Piece:
    """A tensor to be written: how it will look, and how to get it.

    Attributes:
        name: as Hugging Face has it.
        read: gives it, in memory of its own or mapped from a file.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    read: Callable[[], Tensor]

    @property
    def size(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Origin:
    """A checkpoint of whatever format, opened and checked, but not read.

    Attributes:
        kind: for people.
        files: those that hold the weights.
        pieces: every tensor of the model, in the order in which they are best read.
        documents: contents of JSON files to write, by name; config.json among them.
        companions: files to copy, by name.
        copies: of each channel, that are made of the files' one (``widen.py``).
    """

    kind: str
    files: list[Path]
    pieces: list[Piece]
    documents: dict[str, Any]
    companions: dict[str, Path]
    copies: int = 1

    @property
    def size(self) -> int:
        return sum(piece.size for piece in self.pieces)


def convert(
    origin: Origin,
    directory: Path,
    progress: Progress = lambda done, total: None,
    largest: int = LARGEST_FILE,
) -> list[Path]:
    """Write ``origin`` as a checkpoint into ``directory``, or go on where that was interrupted.

    Args:
        progress: called with the bytes that are done, and all.
        largest: bytes of weights in a file; one that is larger alone has a file alone.

    Returns the files with weights.

    Raises:
        CheckpointError: the directory holds something else; or the origin cannot be read.
        OSError: it cannot be written, for example because the disk is full. What is finished stays,
            and the next call goes on from there; nothing is half written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with locked(directory):
        checksums = begin(origin, directory)
        files = divided(origin.pieces, largest)
        done = 0
        for name, pieces in files.items():
            path, size = directory / name, sum(piece.size for piece in pieces)
            if not is_finished(path, checksums):
                digest = write_weights(path, pieces, partial(report, progress, done, origin.size))
                checksums.files[name] = Written(digest, path.stat().st_size)
                checksums.write(directory)
            done += size
            progress(done, origin.size)
        write_rest(origin, directory, files, checksums)
    return [directory / name for name in files]


def report(progress: Progress, before: int, total: int, done: int) -> None:
    progress(before + done, total)


def write_weights(path: Path, pieces: Sequence[Piece], progress: Callable[[int], None]) -> str:
    """One file of weights, whole or not at all; its SHA-256."""

    def values() -> Iterator[Tensor]:
        done = 0
        for piece, value in zip(pieces, ahead(piece.read for piece in pieces), strict=True):
            yield check_finite(path, piece.name, value)
            done += piece.size
            progress(done)

    beside = path.with_name(path.name + PARTIAL)
    try:
        digest = write(
            beside, {piece.name: (piece.dtype, piece.shape) for piece in pieces}, values()
        )
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)  # of no use, and perhaps what fills the disk
        raise
    return digest


def write_rest(
    origin: Origin, directory: Path, files: Mapping[str, Sequence[Piece]], checksums: Checksums
) -> None:
    """All but the weights; config.json last."""
    documents = dict(origin.documents)
    if list(files) != [WEIGHTS]:
        where = {piece.name: name for name, pieces in files.items() for piece in pieces}
        documents[INDEX] = {"metadata": {"total_size": origin.size}, "weight_map": where}
    contents = {name: path.read_bytes() for name, path in origin.companions.items()}
    from workshop.llm.text.exported import exported  # its library takes a while to import

    contents |= exported(origin.companions)
    contents |= {name: as_json(data) for name, data in documents.items()}
    config = contents.pop(CONFIG)
    for name, content in contents.items():
        write_beside(directory / name, content)
    for name, content in {**contents, CONFIG: config}.items():
        checksums.files[name] = Written(hashlib.sha256(content).hexdigest(), len(content))
    checksums.write(directory)
    write_beside(directory / CONFIG, config)


def begin(origin: Origin, directory: Path) -> Checksums:
    """What is finished already in a directory that is free, or was begun from this origin."""
    source = {path.name: [(stat := path.stat()).st_size, stat.st_mtime_ns] for path in origin.files}
    if origin.copies > 1:
        source[COPIES] = [origin.copies]
    if (directory / CHECKSUMS).exists():
        checksums = Checksums.read(directory)
        if checksums.source != source:
            raise CheckpointError(
                f"{directory} holds a conversion of another checkpoint, or of this one before it "
                "changed: choose another directory, or remove that one"
            )
    else:
        theirs = [p.name for p in directory.iterdir() if p.suffix == ".safetensors"]
        if theirs or (directory / CONFIG).exists():
            raise CheckpointError(
                f"{directory} holds a checkpoint already: choose another directory"
            )
        checksums = Checksums(source)
    left = origin.size - sum(w.bytes for n, w in checksums.files.items() if n.endswith("tensors"))
    free = shutil.disk_usage(directory).free
    if left > free:
        raise CheckpointError(
            f"{directory}: {left / 1e9:.1f} GB are still to be written, and the disk has "
            f"{free / 1e9:.1f} GB free"
        )
    checksums.write(directory)
    return checksums


def divided(pieces: Sequence[Piece], largest: int) -> dict[str, list[Piece]]:
    """Pieces by the file that they go into, none of which is larger than it must be."""
    groups: list[list[Piece]] = [[]]
    for piece in pieces:
        if groups[-1] and sum(p.size for p in groups[-1]) + piece.size > largest:
            groups.append([])
        groups[-1].append(piece)
    if len(groups) == 1:
        return {WEIGHTS: groups[0]}
    count = len(groups)
    return {f"model-{i:05}-of-{count:05}.safetensors": group for i, group in enumerate(groups, 1)}


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep a second conversion out, where the file system knows locks; raises CheckpointError."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise CheckpointError(f"{directory}: another conversion is writing here") from None
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(handle)
