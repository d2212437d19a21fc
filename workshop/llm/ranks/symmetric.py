"""The all-reduce of a decode step in one kernel, where GPUs reach each other's memory.

A step adds up a few kilobytes at a time: a library's all-reduce is then all latency, several trips
between the GPUs. In one shot, every GPU writes its part to memory that the others can read
(symmetric memory: the same buffer on each), waits for them, and adds up all parts by itself. Each
reads n times as much, which is nothing at that size. For long prompts the library's is the better.
Kernel and buffers are torch's (torch.distributed._symmetric_memory); vLLM and TensorRT-LLM have
their own by the name of custom all-reduce.

Not measured yet: it needs two GPUs with NVLink.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import Tensor
from torch.fx.experimental.symbolic_shapes import statically_known_true

MOST_BYTES = 128 * 1024  # in one shot; torch's compiler draws the line there too
DTYPES = (torch.bfloat16, torch.float32)  # that torch's kernel adds up


def can_use_symmetric_memory(
    device: torch.device, dtype: torch.dtype, group: dist.ProcessGroup
) -> bool:
    """Whether all ranks are on GPUs of one machine that reach each other's memory.

    Every rank of the group calls it and gets the same answer: one that had another would wait for
    ever.
    """
    if device.type != "cuda":
        return False
    fits = torch.tensor(int(reaches_others(device, dtype, group)), device=device)
    dist.all_reduce(fits, dist.ReduceOp.MIN, group)
    return bool(fits)


def reaches_others(device: torch.device, dtype: torch.dtype, group: dist.ProcessGroup) -> bool:
    """What one rank can tell: rank i has GPU i of a machine that has them all."""
    others = [i for i in range(group.size()) if i != device.index]
    return (
        torch.version.hip is None
        and dtype in DTYPES
        and hasattr(torch.ops.symm_mem, "one_shot_all_reduce_copy")
        and device.index == group.rank()
        and torch.cuda.device_count() >= group.size()
        and all(torch.cuda.can_device_access_peer(device.index, i) for i in others)
    )


def symmetric_all_reduce(
    device: torch.device,
    dtype: torch.dtype,
    group: dist.ProcessGroup,
    otherwise: Callable[[Tensor], Tensor],
) -> Callable[[Tensor], Tensor]:
    """The sum over the ranks, in one shot where a tensor is small; every rank calls it at once.

    The buffer outlives the step, at one address, as CUDA graphs need it. Its slices are written
    again by the next all-reduce: the kernel lets no rank go on before all have read.
    """
    from torch.distributed import _symmetric_memory as symmetric_memory

    buffer = symmetric_memory.empty(MOST_BYTES // dtype.itemsize, dtype=dtype, device=device)
    symmetric_memory.rendezvous(buffer, group)

    def add_up(x: Tensor) -> Tensor:
        if not is_small(x):
            return otherwise(x)
        room = buffer[: x.numel()].view(x.shape)
        return torch.ops.symm_mem.one_shot_all_reduce_copy(
            room, x.contiguous(), "sum", group.group_name
        )

    return add_up


def is_small(x: Tensor) -> bool:
    """Whether it fits. A size that a graph leaves open counts as large: it must not be fixed."""
    return statically_known_true(x.numel() * x.element_size() <= MOST_BYTES)
