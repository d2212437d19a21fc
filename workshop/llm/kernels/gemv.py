"""A matrix times one vector, the matrix read once: bf16, int8 and int4, in Triton.

At batch 1 nothing is computed twice with a weight, so the whole art is to read as fast as the
memory gives. What a program does is the same for all three precisions:

    weight [outputs, inputs]
              lane 0    lane 1    lane 2   ...
    row 0   | 16 bytes | 16 bytes | 16 bytes |      each thread is a lane, and reads 16 bytes, the
    row 1   | 16 bytes | 16 bytes | 16 bytes |      longest load there is, of every row at once;
      ..                                            it turns them into numbers in its registers,
    row R                                           and multiplies by the x that all rows share

* Many loads are under way at once: by Little's law 4.8 TB/s at 800 ns are 29 KB for each of 132
  processors. Four rows of 16 bytes in 128 threads are 8 KB, with eight programs on a processor 64.
* Each weight is used once: it is marked as the first to leave the cache (``evict_first``).
* Where there are few rows (k and v of grouped-query attention), several programs share a row
  (split-K). Their sums are added up afterwards, always in the same order: no atomics.
* The tile follows from the shapes (``tile_for``); it is not tuned by trying. So all ranks of a
  tensor-parallel job add in the same order, and so do two runs.

Up to 8 tokens at a time are multiplied, as a verifier of guesses needs it; more are a product of
matrices, which torch does better.

Read before this was written: gpt-fast's account of int8 and int4 by Inductor
(https://pytorch.org/blog/accelerating-generative-ai-2/), GemLite's notes on low-bit GEMV kernels
(https://github.com/mobiusml/gemlite).
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from workshop.llm.kernels.launch import launch, operator, processors, warps
from workshop.llm.kernels.tile import LOAD, MOST_TOKENS, Tile, padded, tile_for
from workshop.llm.quantization.int4 import MIDDLE, dequantize_groups


def fits(tokens: int, inputs: int, width: int) -> bool:
    """Whether the kernels take it: few tokens, and rows of whole loads of ``width`` weights."""
    return tokens <= MOST_TOKENS and inputs % width == 0


@operator(like=lambda x, weight, scale: x.new_empty(x.shape[0], weight.shape[0]))
def multiply(x: Tensor, weight: Tensor, scale: Tensor | None) -> Tensor:
    """x [tokens, inputs] times weight [outputs, inputs], times scale [outputs]: [tokens, outputs].

    The weight is bf16, fp16 or fp32, without a scale, or int8 with one. ``fits`` must hold.
    """
    tokens, (outputs, inputs) = x.shape[0], weight.shape
    width = LOAD // weight.element_size()
    tile = tile_for(outputs, inputs * weight.element_size(), tokens, processors(x.device))
    out, sums = room(x, outputs, tile)
    grid = (triton.cdiv(outputs, tile.rows), tile.split)
    launch(dense_kernel)[grid](
        x,
        weight,
        weight if scale is None else scale,
        sums,
        outputs,
        inputs,
        tokens,
        TOKENS=padded(tokens),
        ROWS=tile.rows,
        LANES=tile.lanes,
        WIDTH=width,
        SPLIT=tile.split,
        SCALED=scale is not None,
        num_warps=warps(tile.lanes),
    )
    return out if tile.split == 1 else sums.sum(0).to(x.dtype)


@operator(like=lambda x, weight, scale, zero: x.new_empty(x.shape[0], weight.shape[0]))
def multiply_int4(x: Tensor, weight: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """x [tokens, inputs] times an int4 weight in its canonical form (int4.py): [tokens, outputs].

    ``fits`` must hold.
    """
    tokens, outputs, inputs = x.shape[0], weight.shape[0], x.shape[1]
    group = inputs // scale.shape[1]
    tile = tile_for(outputs, inputs // 2, tokens, processors(x.device))
    out, sums = room(x, outputs, tile)
    grid = (triton.cdiv(outputs, tile.rows), tile.split)
    launch(int4_kernel)[grid](
        x,
        weight,
        scale,
        zero,
        sums,
        outputs,
        inputs,
        tokens,
        TOKENS=padded(tokens),
        ROWS=tile.rows,
        GROUPS=LOAD * tile.lanes // (group // 2),
        GROUP=group,
        MIDDLE=MIDDLE,
        SPLIT=tile.split,
        num_warps=warps(tile.lanes),
    )
    return out if tile.split == 1 else sums.sum(0).to(x.dtype)


def room(x: Tensor, outputs: int, tile: Tile) -> tuple[Tensor, Tensor]:
    """The output [tokens, outputs], and where programs write: there, or each its own share."""
    out = x.new_empty(x.shape[0], outputs)
    if tile.split == 1:
        return out, out
    return out, x.new_empty(tile.split, x.shape[0], outputs, dtype=torch.float32)


def multiply_reference(x: Tensor, weight: Tensor, scale: Tensor | None) -> Tensor:
    """``multiply`` in plain torch."""
    product = x.float() @ weight.float().T
    return (product if scale is None else product * scale.float()).to(x.dtype)


def multiply_int4_reference(x: Tensor, weight: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """``multiply_int4`` in plain torch."""
    return multiply_reference(x, dequantize_groups(weight, scale.float(), zero.float()), None)


@triton.jit
def dense_kernel(
    x,  # [TOKENS, inputs]
    weight,  # [outputs, inputs], bf16, fp16, fp32 or int8
    scale,  # [outputs], where SCALED
    out,  # [SPLIT, TOKENS, outputs]
    outputs,
    inputs,  # a multiple of WIDTH
    tokens,
    TOKENS: tl.constexpr,  # constants of a kernel are written so
    ROWS: tl.constexpr,
    LANES: tl.constexpr,
    WIDTH: tl.constexpr,  # weights in 16 bytes
    SPLIT: tl.constexpr,
    SCALED: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    row_there = row < outputs
    token = tl.arange(0, TOKENS)
    lane = tl.arange(0, LANES)
    element = tl.arange(0, WIDTH)
    sums = tl.zeros((TOKENS, ROWS, LANES), dtype=tl.float32)
    for block in range(tl.program_id(1), tl.cdiv(inputs, LANES * WIDTH), SPLIT):
        first = (block * LANES + lane) * WIDTH  # input of each lane
        there = first < inputs
        column = first[:, None] + element[None, :]
        at = row.to(tl.int64)[:, None, None] * inputs + column[None, :, :]
        w = tl.load(
            weight + at,
            mask=row_there[:, None, None] & there[None, :, None],
            other=0,
            eviction_policy="evict_first",
        ).to(tl.float32)
        for t in tl.static_range(TOKENS):
            v = tl.load(x + t * inputs + column, mask=(there & (t < tokens))[:, None], other=0)
            part = tl.sum(w * v.to(tl.float32)[None, :, :], axis=2)  # within a thread
            sums += tl.where((token == t)[:, None, None], part[None, :, :], 0)
    total = tl.sum(sums, axis=2)  # over the threads, once
    if SCALED:
        total *= tl.load(scale + row, mask=row_there, other=0).to(tl.float32)[None, :]
    at_out = (tl.program_id(1) * tokens + token)[:, None] * outputs + row[None, :]
    tl.store(out + at_out, total, mask=(token < tokens)[:, None] & row_there[None, :])


@triton.jit
def int4_kernel(
    x,  # [TOKENS, inputs]
    weight,  # [outputs, inputs / 2], uint8: two values a byte, the first in the high half
    scale,  # [outputs, inputs / GROUP]
    zero,  # [outputs, inputs / GROUP]
    out,  # [SPLIT, TOKENS, outputs]
    outputs,
    inputs,  # a multiple of GROUP
    tokens,
    TOKENS: tl.constexpr,
    ROWS: tl.constexpr,
    GROUPS: tl.constexpr,  # in a block
    GROUP: tl.constexpr,
    MIDDLE: tl.constexpr,
    SPLIT: tl.constexpr,
):
    """Scale and zero are taken out of the sum over a group:

    sum((value - 8) * scale + zero) * x = scale * (sum(value * x) - 8 * sum(x)) + zero * sum(x)
    """
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    row_there = row < outputs
    token = tl.arange(0, TOKENS)
    in_group = tl.arange(0, GROUP // 2)
    count = inputs // GROUP  # times a constant, so that the compiler sees whole loads in a row
    sums = tl.zeros((TOKENS, ROWS, GROUPS), dtype=tl.float32)
    for block in range(tl.program_id(1), tl.cdiv(count, GROUPS), SPLIT):
        group = block * GROUPS + tl.arange(0, GROUPS)
        there = group < count
        both_there = row_there[:, None] & there[None, :]
        byte = group[:, None] * (GROUP // 2) + in_group[None, :]
        at = (row.to(tl.int64) * count)[:, None, None] * (GROUP // 2) + byte[None, :, :]
        pairs = tl.load(
            weight + at, mask=both_there[:, :, None], other=0, eviction_policy="evict_first"
        )
        high, low = (pairs >> 4).to(tl.float32), (pairs & 15).to(tl.float32)
        of_group = row[:, None] * count + group[None, :]
        s = tl.load(scale + of_group, mask=both_there, other=0).to(tl.float32)
        z = tl.load(zero + of_group, mask=both_there, other=0).to(tl.float32)
        for t in tl.static_range(TOKENS):
            column = group[:, None] * GROUP + tl.arange(0, GROUP)[None, :]
            v = tl.load(x + t * inputs + column, mask=(there & (t < tokens))[:, None], other=0)
            even, odd = tl.split(tl.reshape(v.to(tl.float32), (GROUPS, GROUP // 2, 2)))
            products = tl.sum(high * even[None, :, :] + low * odd[None, :, :], axis=2)
            of_x = tl.sum(even + odd, axis=1)[None, :]
            part = s * (products - MIDDLE * of_x) + z * of_x
            sums += tl.where((token == t)[:, None, None], part[None, :, :], 0)
    total = tl.sum(sums, axis=2)
    at_out = (tl.program_id(1) * tokens + token)[:, None] * outputs + row[None, :]
    tl.store(out + at_out, total, mask=(token < tokens)[:, None] & row_there[None, :])
