"""Tensor parallelism (Megatron-LM, Shoeybi et al. 2019, https://arxiv.org/abs/1909.08053).

Each rank holds a part of every layer's weights. The first matrix of a pair is split by output
(column-parallel: q, k, v by heads; gate and up), the second by input (row-parallel: o; down), so
that nothing need be exchanged between the two; the row-parallel products are partial sums, added
up over the ranks: two all-reduces a layer.

    x -> [ q k v | rank 0 ] -> attention of its heads -> [ o    | rank 0 ] --+
      -> [ q k v | rank 1 ] -> attention of its heads -> [ o    | rank 1 ] --+-> all-reduce -> x
"""

from __future__ import annotations

import datetime

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed._functional_collectives import all_reduce as functional_all_reduce

from workshop.llm.config import Config
from workshop.llm.model import Block, Llama
from workshop.llm.quantize import Int8Linear

COLUMN = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
ROW = ("o_proj", "down_proj")


class ParallelError(ValueError):
    """A model that cannot be split over that many ranks; the message says why."""


def join(rank: int, ranks: int, address: str, port: int, device: torch.device) -> None:
    """Meet the other ranks; every rank calls it once.

    Raises:
        torch.distributed.DistError: they did not all come within two minutes.
    """
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=f"tcp://{address}:{port}",
        rank=rank,
        world_size=ranks,
        timeout=datetime.timedelta(minutes=2),
        device_id=device if device.type == "cuda" else None,
    )


def leave() -> None:
    """End the group; without it, NCCL may hang at exit."""
    if dist.is_initialized():
        dist.destroy_process_group()


def all_reduce(x: Tensor) -> Tensor:
    """The sum of x over the ranks; the functional form is the one that compiles into a graph."""
    group = dist.group.WORLD
    assert group is not None, "join() comes first"
    return functional_all_reduce(x, "sum", group)


def total(value: float, device: torch.device) -> float:
    """The sum of a number over the ranks, on every rank; the number itself without a group."""
    if not dist.is_initialized():
        return value
    summed = torch.tensor(value, dtype=torch.float64, device=device)
    dist.all_reduce(summed)
    return float(summed)


def check_divides(config: Config, ranks: int) -> None:
    """Raises ParallelError where heads or MLP do not split evenly."""
    for name in ("heads", "kv_heads", "hidden"):
        value = getattr(config, name)
        if value % ranks:
            raise ParallelError(
                f"the model's {name} ({value}) do not split evenly over {ranks} ranks"
            )


def shard(model: Llama, rank: int, ranks: int) -> None:
    """Keep, in place, this rank's part of each layer; embedding, norms and head stay whole.

    Raises:
        ParallelError: see ``check_divides``.
    """
    check_divides(model.config, ranks)
    for name, module in model.named_modules():
        kind = name.rpartition(".")[2]
        if kind in COLUMN or kind in ROW:
            assert isinstance(module, nn.Linear | Int8Linear)
            split(module, dim=0 if kind in COLUMN else 1, rank=rank, ranks=ranks)
        if isinstance(module, Block):
            module.add_up = all_reduce


def split(linear: nn.Linear | Int8Linear, dim: int, rank: int, ranks: int) -> None:
    """Keep the rank-th of ``ranks`` slices of a linear's weight [out, in] along ``dim``."""
    part = linear.weight.chunk(ranks, dim=dim)[rank].clone(memory_format=torch.contiguous_format)
    if isinstance(linear, Int8Linear):
        linear.weight = part
        if dim == 0:  # a scale belongs to an output channel: it goes with its row
            linear.scale = linear.scale.chunk(ranks)[rank].clone(
                memory_format=torch.contiguous_format
            )
    else:
        linear.weight = nn.Parameter(part, requires_grad=False)
