"""Tensor parallelism (Megatron-LM, Shoeybi et al. 2019, https://arxiv.org/abs/1909.08053).

Each rank holds a part of every layer's weights. The first matrix of a pair is split by output
(column-parallel: q, k, v by heads; gate and up), the second by input (row-parallel: o; down), so
that nothing need be exchanged between the two; the row-parallel products are partial sums, added
up over the ranks: two all-reduces a layer.

    x -> [ q k v | rank 0 ] -> attention of its heads -> [ o    | rank 0 ] --+
      -> [ q k v | rank 1 ] -> attention of its heads -> [ o    | rank 1 ] --+-> all-reduce -> x

Which part is whose is in ``part.py``.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import _functional_collectives as functional

from workshop.llm.model import Block, Llama
from workshop.llm.quantization.int4 import Int4Linear
from workshop.llm.quantization.int8 import Int8Linear
from workshop.llm.quantization.quantize import split
from workshop.llm.ranks import shared_memory
from workshop.llm.ranks.part import Part, check_divides, slice_of
from workshop.llm.ranks.shared_memory import CannotShareError, Shared

# For a rank that still compiles while the others wait: minutes. One that has ended is noticed in
# seconds, by whoever started the ranks.
PATIENCE = datetime.timedelta(minutes=10)


T = TypeVar("T")


class Memory:
    """Where this process keeps what it shares with other ranks; None: gloo or NCCL do it all."""

    shared: Shared | None = None


def join(rank: int, ranks: int, address: str, port: int, device: torch.device) -> None:
    """Join the process group; every rank calls it once.

    CPU ranks then exchange over TCP, until ``share_memory`` finds a faster way.

    Args:
        address, port: where the ranks find each other, on rank 0's node.

    Raises:
        torch.distributed.DistError: they did not all come in time.
    """
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=f"tcp://{address}:{port}",
        rank=rank,
        world_size=ranks,
        timeout=PATIENCE,
        # NCCL then connects here, and not at the first all-reduce, in the middle of a capture;
        # and it need not guess a rank's GPU, which hangs where it guesses wrong.
        device_id=device if device.type == "cuda" else None,
    )


def gather(value: T) -> list[T]:
    """The value of each rank, on every rank, in the order of the ranks; it must pickle."""
    values = [value] * group().size()
    dist.all_gather_object(values, value, group())
    return values


def share_memory(one_host: bool) -> str:
    """CPU ranks: exchange through shared memory from now on, where all of them can.

    Every rank calls it, once it is bound to its cores: each allocates what it writes, and the
    system takes the memory nearest to it.

    Args:
        one_host: whether all ranks run on one host; the same on every rank.

    Returns:
        how the ranks exchange, a line for the log.
    """
    try:
        Memory.shared = shared_memory.share(group(), one_host, PATIENCE.total_seconds())
    except CannotShareError as error:
        return f"The ranks exchange by gloo, over TCP ({error})"
    return "The ranks exchange through shared memory"


def leave() -> None:
    """End the group; without it, NCCL may hang at exit."""
    if Memory.shared is not None:
        shared_memory.forget(Memory.shared.file)
        Memory.shared = None
    if dist.is_initialized():
        dist.destroy_process_group()


def all_reduce(x: Tensor) -> Tensor:
    """The sum of x over the ranks; either form is one that compiles into a graph."""
    if (shared := Memory.shared) is not None and shared.adds_up(x):
        return shared.all_reduce(x)
    return functional.all_reduce(x, "sum", group())


def agree(choice: Tensor) -> Tensor:
    """Rank 0's choice (tokens, or how many were accepted), on every rank.

    All ranks have the same logits as a rule, but nothing promises it to the last bit: a library
    may add up in another order, and each rank's compiler may time kernels and pick another one. At
    a near tie they would then choose different tokens, and wait for each other for ever.
    """
    if (shared := Memory.shared) is not None and shared.sends(choice):
        return shared.broadcast(choice)
    # Waited for here: in eager mode it would come as a tensor of another type, which is another
    # graph for a compiled step that is given it.
    return functional.wait_tensor(functional.broadcast(choice, 0, group()))


def group() -> dist.ProcessGroup:
    everyone = dist.group.WORLD
    assert everyone is not None, "join() comes first"
    return everyone


def total(value: float, device: torch.device) -> float:
    """The sum of a number over the ranks, on every rank; the number itself without a group."""
    if not dist.is_initialized():
        return value
    summed = torch.tensor(value, dtype=torch.float64, device=device)
    dist.all_reduce(summed)
    return float(summed)


def shard(model: Llama, rank: int, ranks: int) -> None:
    """Keep, in place, this rank's part of each layer; embedding, norms and head stay whole.

    Raises:
        ParallelError: see ``part.check_divides``.
    """
    part = Part(rank, ranks)
    check_divides(model.config, ranks, group_size(model))
    for name, module in model.named_modules():
        own = slice_of(name, model.config, part)
        if own is not None:
            assert isinstance(module, nn.Linear | Int8Linear | Int4Linear)
            split(module, own.dim, own.start, own.stop)
    add_up_over_ranks(model)


def add_up_over_ranks(model: Llama) -> None:
    """Put the all-reduces into a model of which each rank holds its part."""
    reduce = fastest_all_reduce(model)
    for module in model.modules():
        if isinstance(module, Block):
            module.add_up = reduce
    model.agree = agree


def fastest_all_reduce(model: Llama) -> Callable[[Tensor], Tensor]:
    """The library's; or, where GPUs reach each other's memory, one kernel for what is small."""
    weight = model.embed_tokens.weight
    if weight.device.type != "cuda":
        return all_reduce
    # What it imports takes half a second, which a CPU need not wait for.
    from workshop.llm.ranks.symmetric import can_use_symmetric_memory, symmetric_all_reduce

    tensors = weight.device, weight.dtype, group()
    return (
        symmetric_all_reduce(*tensors, all_reduce)
        if can_use_symmetric_memory(*tensors)
        else all_reduce
    )


def group_size(model: Llama) -> int:
    """The largest group of inputs that a layer of the model may not be split within."""
    return max((m.group_size for m in model.modules() if isinstance(m, Int4Linear)), default=1)
