"""The safetensors format: a length, a JSON header, and the tensors' bytes one after another.

https://github.com/huggingface/safetensors#format. The library checks that a file is whole and its
header honest. The bytes are then read by ordinary reads, straight into the tensor that stays: the
library maps them into memory instead, and a page fault for each 4 kB is slower than the disk.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from workshop.llm.errors import EngineError
from workshop.llm.lfs import is_pointer, sentence
from workshop.llm.ranks.part import Slice

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
LENGTH_BYTES = 8
AT_ONCE = 4  # reads under way: a disk, and a network's file system more so, is not busy with one


class CheckpointError(EngineError, ValueError):
    """A checkpoint that cannot be used; the message names the file and the tensor."""


@dataclass(frozen=True)
class Stored:
    """A tensor in a file: where its bytes begin, and what they are."""

    path: Path
    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int

    def read(self, part: Slice | None = None, pinned: bool = False) -> Tensor:
        """The tensor, or a part of it, in memory of its own.

        ``pinned`` memory is what a GPU can copy from without the CPU. Of a part of the columns,
        which lies in pieces all over the tensor, the whole is read first.

        Raises:
            CheckpointError: it cannot be read, or the file has become shorter.
        """
        rows, start = self.shape, self.start
        if part is not None and part.dim == 0:
            rows = (part.stop - part.start, *self.shape[1:])
            start += part.start * prod(self.shape[1:]) * self.dtype.itemsize
        values = room_for(rows, self.dtype, pinned)
        read_into(self.path, values, start)
        if part is not None and part.dim == 1:
            return values[:, part.start : part.stop].contiguous()
        return values


def room_for(shape: tuple[int, ...], dtype: torch.dtype, pinned: bool) -> Tensor:
    """Memory that goes back to the system with its tensor.

    What malloc has it keeps: between what is read and what is made of it, it would keep as much as
    the model itself takes.
    """
    size = prod(shape) * dtype.itemsize
    if pinned or size == 0:
        return torch.empty(shape, dtype=dtype, pin_memory=pinned)
    return torch.frombuffer(mmap.mmap(-1, size), dtype=dtype).view(shape)


def read_into(path: Path, values: Tensor, start: int) -> None:
    """Fill a contiguous tensor with the bytes of a file from ``start``; raises CheckpointError."""
    room = values.view(-1).view(torch.uint8).numpy().data
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            while room:
                count = file.readinto(room)
                if not count:
                    raise CheckpointError(f"{path}: the file has become shorter; copy it again")
                room = room[count:]
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None


def entries(path: Path) -> dict[str, Stored]:
    """The tensors of a file, by name, none of them read.

    Raises:
        CheckpointError: there is no such file, it is not whole, or not safetensors.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: there are no weights here")
    try:
        with safe_open(path, framework="pt"), path.open("rb") as file:  # the library checks it
            length = int.from_bytes(file.read(LENGTH_BYTES), "little")
            header = json.loads(file.read(length))
    except SafetensorError as error:
        if is_pointer(path):
            raise CheckpointError(sentence(path)) from None
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({error}); copy or download it again"
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None
    found = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in DTYPES:
            raise CheckpointError(
                f"{path}: the tensor {name} is {entry['dtype']}, which it cannot be"
            )
        start = LENGTH_BYTES + length + entry["data_offsets"][0]
        dtype = DTYPES[entry["dtype"]]
        found[name] = Stored(path, name, dtype, tuple(entry["shape"]), start)
    return found


def ahead(reads: Iterable[Callable[[], Tensor]]) -> Iterator[Tensor]:
    """What each gives, in order; while one is looked at, the next few are on their way."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        under_way: deque[Future[Tensor]] = deque()
        try:
            for read in reads:
                under_way.append(threads.submit(read))
                if len(under_way) == AT_ONCE:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)


def write(
    path: Path, tensors: Mapping[str, tuple[torch.dtype, tuple[int, ...]]], values: Iterable[Tensor]
) -> str:
    """Write a file of the tensors named, whose values come one after another; its SHA-256.

    Only one of them need be in memory. The file is on the disk when this returns.

    Raises:
        OSError: it cannot be written; what was written so far is left.
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape) in tensors.items():
        start, end = end, end + prod(shape) * dtype.itemsize
        header[name] = {"dtype": NAMES[dtype], "shape": shape, "data_offsets": [start, end]}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % LENGTH_BYTES)  # the tensors begin where an address is even
    digest = hashlib.sha256()
    with path.open("wb", buffering=0) as file:
        for piece in (len(head).to_bytes(LENGTH_BYTES, "little"), head):
            file.write(piece)
            digest.update(piece)
        for (dtype, shape), value in zip(tensors.values(), values, strict=True):
            assert value.dtype == dtype, f"{path}: a tensor of {value.dtype}, not {dtype}"
            assert value.shape == shape, f"{path}: a tensor of {value.shape}, not {shape}"
            left = value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data
            digest.update(left)
            while left:
                left = left[file.write(left) :]
        os.fsync(file.fileno())
    return digest.hexdigest()
