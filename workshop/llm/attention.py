"""Attention, softmax(q k^T / sqrt(D)) v, by several implementations that give one result.

Vaswani et al. 2017, https://arxiv.org/abs/1706.03762. Letters in shape comments are those of
``model.py``: B batch, T tokens fed in, S tokens attended to, H query heads, K key/value heads, D
size of a head. H / K query heads share a key head (GQA, https://arxiv.org/abs/2305.13245).

* ``math``: the formula in three lines of torch. Every score [T, S] is written to memory.
* ``flash``, ``efficient``: kernels that keep a running softmax and never write the scores
  (FlashAttention, https://arxiv.org/abs/2205.14135; https://arxiv.org/abs/2112.05682).
* ``sdpa``: torch chooses among such kernels; for a single token in a graph on a CPU, the compiler
  is given the formula instead.
* ``flex``: the compiler writes such a kernel around a mask that is given as a function
  (FlexAttention, https://arxiv.org/abs/2412.05496), and skips blocks that the mask hides whole. In
  eager mode torch writes it out as ``math`` does, and more slowly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from workshop.llm.loops import left_to_the_compiler, settled

# (q [B, H, T, D], k [B, K, S, D], v [B, K, S, D], what Prepare made of the mask) -> [B, H, T, D]
Attend = Callable[[Tensor, Tensor, Tensor, Any], Tensor]
# (mask: [T, S] or [B, 1, T, S], True where a token may look, or None for all tokens before it and
#  itself, with T = 1 or T = S; tokens [B, T]) -> the mask as the implementation wants it, made once
#  for all layers
Prepare = Callable[[Tensor | None, Tensor], Any]


def written_out(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """The formula as it stands in the paper; the softmax in fp32."""
    k, v = for_each_query_head(k, q), for_each_query_head(v, q)
    if mask is None:
        length, stored = q.shape[2], k.shape[2]
        mask = torch.ones(length, stored, dtype=torch.bool, device=q.device).tril(stored - length)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # [B, H, T, S]
    shares = torch.softmax(scores.float().masked_fill(~mask, -math.inf), dim=-1)
    return shares.to(v.dtype) @ v


def for_each_query_head(x: Tensor, q: Tensor) -> Tensor:
    """Keys or values [B, K, S, D], repeated for the query heads that share them: [B, H, S, D]."""
    return x.repeat_interleave(q.shape[1] // x.shape[1], dim=1)


def sdpa(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """The kernel that torch thinks best, or what its compiler makes of the formula.

    torch's one kernel for a CPU is made for many queries at once. With a single one it takes up to
    6 times as long as the loops that the compiler writes (docs/measuring.md).
    """
    if left_to_the_compiler(q.device, q.shape[2]):
        return written_out(settled(q), k, v, mask)
    return fused(q, k, v, mask)


def fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """One of torch's kernels that never write the scores."""
    batch, heads, length, size = q.shape
    group = heads // k.shape[1]
    if mask is None:
        # One token may look at all there is. A condition that a graph leaves open is no bool: a
        # branch settles it.
        causal = True if length > 1 else False  # noqa: SIM210
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=group > 1)
    # The query heads that share a key head are laid out as further rows of it: no key is copied.
    rows = q.reshape(batch, heads // group, group * length, size)
    seen = torch.cat([mask] * group, dim=-2)
    out = F.scaled_dot_product_attention(rows, k, v, attn_mask=seen)
    return out.reshape(batch, heads, length, size)


def flash(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        return fused(q, k, v, mask)


def efficient(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    with sdpa_kernel(SDPBackend.EFFICIENT_ATTENTION):
        if mask is None:  # this kernel knows no shared heads; with a mask, they are rows
            k, v = for_each_query_head(k, q), for_each_query_head(v, q)
        return fused(q, k, v, mask)


def flex(q: Tensor, k: Tensor, v: Tensor, mask: BlockMask | None) -> Tensor:
    out = flex_attention(q, k, v, block_mask=mask, enable_gqa=q.shape[1] > k.shape[1])
    assert isinstance(out, Tensor)  # and no pair: its log-sum-exp was not asked for
    return out


def block_mask(mask: Tensor | None, tokens: Tensor) -> BlockMask | None:
    """Which blocks of the scores the mask leaves, and the mask itself for those that it cuts."""
    batch, length = tokens.shape
    if mask is None and length == 1:
        return None
    if mask is None:

        def seen(b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
            return j <= i

        return create_block_mask(seen, None, None, length, length, device=tokens.device)
    every = mask.expand(batch, 1, -1, -1)

    def allowed(b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
        return every[b, 0, i, j]

    return create_block_mask(allowed, batch, None, length, mask.shape[-1], device=tokens.device)


def unchanged(mask: Tensor | None, tokens: Tensor) -> Tensor | None:
    return mask


@dataclass(frozen=True)
class Kind:
    """An implementation: what attends, and what makes the mask ready for it."""

    attend: Attend
    prepare: Prepare = unchanged


KINDS = {
    "math": Kind(written_out),
    "sdpa": Kind(sdpa),
    "flash": Kind(flash),
    "efficient": Kind(efficient),
    "flex": Kind(flex, block_mask),
}
