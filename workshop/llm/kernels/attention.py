"""Attention of one new token over a long cache, split over the cache, in Triton.

Flash-Decoding (Dao et al. 2023, https://pytorch.org/blog/flash-decoding/). One token has few
heads, far fewer than a GPU has processors; so several programs share a key head, each with a part
of the cache:

    cache     | part 0 | part 1 | part 2 | ...        per part: the largest score m, the sum of
    program       0        1        2                 exp(score - m), and so weighted values

Softmax can be put together from parts, because exp(s - m) = exp(s - m_part) * exp(m_part - m).
The query heads that share a key head (grouped-query attention) are rows of one product: keys and
values are read once for all of them. Slots that the mask hides are not read at all, so a step
costs what is written of the cache, not what there is room for.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from workshop.llm.kernels.launch import INTERPRETED, launch, operator, processors, warps

HIDDEN = tl.constexpr(-1.0e30)  # a score that weighs nothing, and unlike -inf makes no nan
SLOTS = 64  # of the cache that a program looks at together
LEAST_ROWS = 16  # of a product in tensor cores


@triton.jit
def part_kernel(
    q,  # [batch, heads, D]
    k,  # [batch, key heads, slots, D]
    v,  # [batch, key heads, slots, D]
    visible,  # [batch, slots], bool
    out,  # [batch, heads, parts, D], fp32
    tops,  # [batch, heads, parts], fp32: the largest score of each part
    sums,  # [batch, heads, parts], fp32
    slots,
    scale,
    k_batch,  # strides
    k_head,
    k_slot,
    v_batch,
    v_head,
    v_slot,
    visible_batch,
    parts,
    KEY_HEADS: tl.constexpr,
    GROUP: tl.constexpr,  # query heads that share a key head
    ROWS: tl.constexpr,  # GROUP, or more
    D: tl.constexpr,
    WIDTH: tl.constexpr,  # D, or more
    BLOCK: tl.constexpr,
    EXACT: tl.constexpr,  # multiply in fp32
):
    batch, head = tl.program_id(0) // KEY_HEADS, tl.program_id(0) % KEY_HEADS
    part = tl.program_id(1)
    row = tl.arange(0, ROWS)
    d = tl.arange(0, WIDTH)
    query = (batch * KEY_HEADS + head) * GROUP + row
    row_there, d_there = row < GROUP, d < D
    q_at = query[:, None] * D + d[None, :]
    queries = tl.load(q + q_at, mask=row_there[:, None] & d_there[None, :], other=0)
    if EXACT:
        queries = queries.to(tl.float32)
    top = tl.full((ROWS,), HIDDEN, dtype=tl.float32)
    total = tl.zeros((ROWS,), dtype=tl.float32)
    mixed = tl.zeros((ROWS, WIDTH), dtype=tl.float32)
    for block in range(part, tl.cdiv(slots, BLOCK), parts):
        slot = block * BLOCK + tl.arange(0, BLOCK)
        seen = tl.load(visible + batch * visible_batch + slot, mask=slot < slots, other=0) != 0
        there = seen[:, None] & d_there[None, :]
        k_at = batch * k_batch + head * k_head + slot[:, None] * k_slot + d[None, :]
        v_at = batch * v_batch + head * v_head + slot[:, None] * v_slot + d[None, :]
        keys = tl.load(k + k_at, mask=there, other=0)
        values = tl.load(v + v_at, mask=there, other=0)
        if EXACT:
            keys, values = keys.to(tl.float32), values.to(tl.float32)
        scores = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale
        scores = tl.where(seen[None, :], scores, HIDDEN)
        new_top = tl.maximum(top, tl.max(scores, axis=1))
        shares = tl.where(seen[None, :], tl.exp(scores - new_top[:, None]), 0)
        fade = tl.exp(top - new_top)
        total = total * fade + tl.sum(shares, axis=1)
        here = tl.dot(shares.to(values.dtype), values, input_precision="ieee")
        mixed = mixed * fade[:, None] + here
        top = new_top
    at = query * parts + part
    tl.store(tops + at, top, mask=row_there)
    tl.store(sums + at, total, mask=row_there)
    tl.store(out + at[:, None] * D + d[None, :], mixed, mask=row_there[:, None] & d_there[None, :])


@operator(like=lambda q, k, v, visible: torch.empty_like(q))
def decode_attention(q: Tensor, k: Tensor, v: Tensor, visible: Tensor) -> Tensor:
    """Attention of q [B, H, D] over k, v [B, K, S, D], of which ``visible`` [B, S] may be seen.

    Returns [B, H, D]; at least one slot must be visible to each.
    """
    batch, heads, size = q.shape
    key_heads, slots = k.shape[1], k.shape[2]
    parts = parts_for(slots, batch * key_heads, processors(q.device))
    mixed = q.new_empty(batch, heads, parts, size, dtype=torch.float32)
    tops = q.new_empty(batch, heads, parts, dtype=torch.float32)
    sums = torch.empty_like(tops)
    group = heads // key_heads
    launch(part_kernel)[(batch * key_heads, parts)](
        q,
        k,
        v,
        visible,
        mixed,
        tops,
        sums,
        slots,
        1 / math.sqrt(size),
        k.stride(0),
        k.stride(1),
        k.stride(2),
        v.stride(0),
        v.stride(1),
        v.stride(2),
        visible.stride(0),
        parts,
        KEY_HEADS=key_heads,
        GROUP=group,
        ROWS=max(LEAST_ROWS, triton.next_power_of_2(group)),
        D=size,
        WIDTH=max(LEAST_ROWS, triton.next_power_of_2(size)),
        BLOCK=SLOTS,
        EXACT=INTERPRETED,  # the interpreter's products of bf16 are wrong
        num_warps=warps(128),
    )
    weight = torch.exp(tops - tops.amax(-1, keepdim=True))
    total = (weight * sums).sum(-1, keepdim=True)
    return ((weight.unsqueeze(-1) * mixed).sum(-2) / total).to(q.dtype)


def parts_for(slots: int, heads: int, processors: int) -> int:
    """Programs that share a key head: two for each processor, over all heads, if there is work."""
    return max(1, min(-(-slots // SLOTS), 2 * processors // heads))


def decode_attention_reference(q: Tensor, k: Tensor, v: Tensor, visible: Tensor) -> Tensor:
    """``decode_attention`` in plain torch."""
    group = q.shape[1] // k.shape[1]
    keys, values = (x.float().repeat_interleave(group, dim=1) for x in (k, v))
    scores = (q.float()[:, :, None] @ keys.transpose(2, 3))[:, :, 0] / math.sqrt(q.shape[2])
    shares = scores.masked_fill(~visible[:, None], -torch.inf).softmax(-1)
    return (shares[:, :, None] @ values)[:, :, 0].to(q.dtype)
