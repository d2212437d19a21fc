"""RMSNorm in one kernel, with the residual addition before it, in Triton.

    sum = x + y           what a block adds to the stream
    out = weight * sum / sqrt(mean(sum^2) + eps)

Eager mode takes seven kernels for it, each reading and writing the whole row; this one reads x and
y once and writes both results. Compiled, Inductor writes much the same by itself. One program does
a row: at batch 1 it is one row, so what is saved are launches, not bytes.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from workshop.llm.kernels.launch import launch, operator, warps
from workshop.llm.model import rms_norm


@triton.jit
def add_norm_kernel(
    x,  # [rows, dim]
    y,  # [rows, dim], where ADD
    weight,  # [dim]
    out,  # [2, rows, dim]: sum and norm
    rows,
    dim,
    eps,
    ADD: tl.constexpr,
    BLOCK: tl.constexpr,  # at least dim
):
    row = tl.program_id(0)
    column = tl.arange(0, BLOCK)
    there = column < dim
    total = tl.load(x + row * dim + column, mask=there, other=0)
    if ADD:
        added = total.to(tl.float32) + tl.load(y + row * dim + column, mask=there, other=0)
        total = added.to(total.dtype)  # rounded as the stream is, which goes on from here
        tl.store(out + row * dim + column, total, mask=there)
    h = total.to(tl.float32)
    h = h * tl.rsqrt(tl.sum(h * h, axis=0) / dim + eps)
    w = tl.load(weight + column, mask=there, other=0).to(tl.float32)
    normed = w * h.to(total.dtype).to(tl.float32)
    tl.store(out + (rows + row) * dim + column, normed, mask=there)


@operator(like=lambda x, y, weight, eps: x.new_empty(2, *x.shape))
def add_norm(x: Tensor, y: Tensor | None, weight: Tensor, eps: float) -> Tensor:
    """x + y and its RMSNorm, [2, rows, dim], of x and y [rows, dim].

    Without y, the norm of x; the first half is then not written.
    """
    rows, dim = x.shape
    out = x.new_empty(2, rows, dim)
    block = triton.next_power_of_2(dim)
    launch(add_norm_kernel)[(rows,)](
        x,
        x if y is None else y,
        weight,
        out,
        rows,
        dim,
        eps,
        ADD=y is not None,
        BLOCK=block,
        num_warps=warps(min(1024, max(32, block // 8))),
    )
    return out


def add_norm_reference(x: Tensor, y: Tensor | None, weight: Tensor, eps: float) -> Tensor:
    """``add_norm`` in plain torch."""
    total = x if y is None else x + y
    return torch.stack([total, rms_norm(total, weight, eps)])
