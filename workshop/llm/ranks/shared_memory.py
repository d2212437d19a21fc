"""The exchanges of a decode step through memory that the ranks of one host share.

A step adds up a few kilobytes twice a layer. gloo sends them over TCP, on one host too: hundreds of
microseconds, of which none is the adding. Through shared memory it takes a few, as the operators of
``native/shared_memory.cpp`` do it, which explains how ranks wait for each other.

Which way is taken must be the same on all ranks, or one would wait in shared memory for another
that waits in gloo. So they agree, over gloo, when they join: all of them run on one host (one boot
of one kernel), have the compiled operators, and have mapped the same file in /dev/shm. The file has
no name any more when they have: the kernel frees it with the last rank, however that ends.

A sum is taken in the order of the ranks, in fp32, and rounded once: all ranks have the same bits.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

FOLDER = Path("/dev/shm")
SUMMED = (torch.bfloat16, torch.float16, torch.float32)
SENT = (*SUMMED, torch.int64)


class CannotShareError(RuntimeError):
    """Why ranks do not exchange through shared memory; gloo does it then."""


@dataclass(frozen=True)
class Shared:
    """Memory that this rank shares with all others.

    Attributes:
        file: holds this rank's lock, by which others see that it lives.
        turns: int64 [1], on this rank alone: exchanges so far. Every operator changes it, by which
            compilers see that they depend on each other: with equal input too, each of them runs,
            and in the order of the program.
    """

    file: int
    turns: Tensor

    def adds_up(self, x: Tensor) -> bool:
        """Whether ``all_reduce`` takes x; known while a graph is traced."""
        return x.device.type == "cpu" and x.dtype in SUMMED

    def sends(self, x: Tensor) -> bool:
        """Whether ``broadcast`` takes x."""
        return x.device.type == "cpu" and x.dtype in SENT

    def all_reduce(self, x: Tensor) -> Tensor:
        """The sum of x over the ranks; the same bits on each."""
        return torch.ops.workshop.shared_memory_all_reduce(x, self.turns)

    def broadcast(self, x: Tensor) -> Tensor:
        """Rank 0's x, on every rank."""
        return torch.ops.workshop.shared_memory_broadcast(x, self.turns)


def share(group: dist.ProcessGroup, one_host: bool, patience: float) -> Shared:
    """Share memory with all ranks of a gloo group, each of which calls it.

    Args:
        one_host: whether all ranks run on one host; the same on every rank.
        patience: seconds to wait for another rank that lives.

    Raises:
        CannotShareError: on every rank, with the same reason: the first that a rank has.
    """
    if not one_host:
        raise CannotShareError("the ranks run on several hosts")
    agree_on(group, why_no_operators())
    rank, size = group.rank(), torch.ops.workshop.shared_memory_bytes_of_a_rank()
    with new_file(group) as path:
        file, reason = -1, None
        try:
            file = claim(path, rank, size)
            torch.ops.workshop.shared_memory_join(file, rank, group.size(), patience)
        except (OSError, RuntimeError) as error:
            reason = f"{FOLDER}: {getattr(error, 'strerror', None) or error}"
        try:
            agree_on(group, reason)
        except CannotShareError:
            forget(file)
            raise
    # Not an inference tensor, wherever the ranks join: those cannot change outside of that mode.
    with torch.inference_mode(False):
        return Shared(file, torch.zeros(1, dtype=torch.int64))


def forget(file: int) -> None:
    """Share no memory any more. Ranks that wait for this one hear that it has ended."""
    torch.ops.workshop.shared_memory_leave()
    if file >= 0:
        os.close(file)


def why_no_operators() -> str | None:
    """What keeps this rank from having the operators; None: it has them."""
    try:
        load_operators()
    except Exception as error:  # no compiler, no writable cache: torch has many names for it
        lines = str(error).strip().splitlines()
        return f"{type(error).__name__}{': ' + lines[0] if lines else ''}"
    return None


def load_operators() -> None:
    """Compile and load the operators, and say what they make of tensors without data.

    Raises:
        Exception: what ``build.load`` says.
    """
    from workshop.llm.native.build import load  # imports the compiler

    load("shared_memory")
    for name in ("all_reduce", "broadcast"):
        with contextlib.suppress(RuntimeError):  # registered before
            torch.library.register_fake(f"workshop::shared_memory_{name}", whole_and_in_order)


def whole_and_in_order(x: Tensor, turns: Tensor) -> Tensor:
    """Shape, type and layout of what the operators return."""
    return x.new_empty(x.shape)


def told_by_rank_0(group: dist.ProcessGroup, words: str) -> str:
    """Rank 0's words, on every rank; its own do not matter on another."""
    told: list[str] = [words]
    dist.broadcast_object_list(told, 0, group)
    return told[0]


def agree_on(group: dist.ProcessGroup, reason: str | None) -> None:
    """Go on if no rank has a reason not to; every rank calls it.

    Raises:
        CannotShareError: some rank has; the first one's reason.
    """
    reasons: list[str | None] = [None] * group.size()
    dist.all_gather_object(reasons, reason, group)
    for rank, said in enumerate(reasons):
        if said is not None:
            raise CannotShareError(f"rank {rank}: {said}")


@contextlib.contextmanager
def new_file(group: dist.ProcessGroup) -> Iterator[Path]:
    """The path of an empty file that rank 0 makes for all, for as long as they open it.

    Nobody can guess its name beforehand, and only this user can open it. If rank 0 could not make
    it, its path is nowhere.
    """
    path = FOLDER / f"workshop-{secrets.token_hex(16)}"
    made = False
    if group.rank() == 0:
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
            made = True
    try:
        yield Path(told_by_rank_0(group, str(path)))
    finally:
        if made:
            path.unlink()


def claim(path: Path, rank: int, size: int) -> int:
    """Open the file, take this rank's ``size`` bytes of it, and lock its byte, for life.

    The bytes are allocated now: a full /dev/shm is an error here, and would be the end of the
    process at the first write. This rank touches them first, so they lie on its NUMA node.

    Raises:
        OSError: it cannot be opened, has no room, or the lock is taken.
    """
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.posix_fallocate(file, rank * size, size)
        # A lock of this process: children that it forks do not keep it alive.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, rank)
    except OSError:
        os.close(file)
        raise
    return file
