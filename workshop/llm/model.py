"""Llama: embedding, blocks of attention and MLP, output head.

Touvron et al. 2023, https://arxiv.org/abs/2302.13971. Letters in shape comments: B batch,
T tokens fed in, S tokens attended to, H query heads, K key/value heads, D size of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workshop.llm.config import Config


class Cache(Protocol):
    """Where keys and values of earlier tokens are kept (see ``workshop.llm.cache``)."""

    def update(self, layer: int, k: Tensor, v: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Store k, v [B, K, T, D] at ``positions`` [T]; return all, [B, K, S, D] each."""

    def mask(self, positions: Tensor) -> Tensor:
        """Which of the S stored tokens each of the T new ones may see: [T, S], bool."""


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Scale x to unit root mean square, in fp32 (https://arxiv.org/abs/1910.07467)."""
    h = x.float()
    h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + eps)
    return weight * h.to(x.dtype)


def rope_table(config: Config) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every position: [context, D] each, fp32."""
    pairs = torch.arange(0, config.head_dim, 2, dtype=torch.float32)
    frequencies = config.rope_theta ** (-pairs / config.head_dim)
    angles = torch.outer(torch.arange(config.context, dtype=torch.float32), frequencies)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding of x [B, H, T, D] (https://arxiv.org/abs/2104.09864).

    Dimension i turns together with i + D/2, the layout of Hugging Face checkpoints.
    """
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Grouped-query attention of q [B, H, T, D] over k, v [B, K, S, D] -> [B, H, T, D].

    ``mask`` [T, S] is True where a token may look; None is plain causal, for T = S.
    """
    batch, heads, length, size = q.shape
    group = heads // k.shape[1]
    if mask is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=group > 1)
    # The query heads that share a key head are laid out as further rows of it: no key is copied.
    rows = q.reshape(batch, heads // group, group * length, size)
    out = F.scaled_dot_product_attention(rows, k, v, attn_mask=mask.repeat(group, 1))
    return out.reshape(batch, heads, length, size)


class RMSNorm(nn.Module):
    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)


class Attention(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        kv_dim = config.kv_heads * config.head_dim
        self.q_proj = nn.Linear(config.dim, config.dim, bias=False)
        self.k_proj = nn.Linear(config.dim, kv_dim, bias=False)
        self.v_proj = nn.Linear(config.dim, kv_dim, bias=False)
        self.o_proj = nn.Linear(config.dim, config.dim, bias=False)

    def split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)  # [B, T, H*D] -> [B, H, T, D]

    def forward(
        self,
        x: Tensor,
        rope: tuple[Tensor, Tensor],
        positions: Tensor,
        mask: Tensor | None,
        cache: Cache | None,
        layer: int,
    ) -> Tensor:
        q = rotate(self.split_heads(self.q_proj(x)), *rope)
        k = rotate(self.split_heads(self.k_proj(x)), *rope)
        v = self.split_heads(self.v_proj(x))
        if cache is not None:
            k, v = cache.update(layer, k, v, positions)
        out = attend(q, k, v, mask)
        return self.o_proj(out.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x)) (https://arxiv.org/abs/2002.05202)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.dim, config.hidden, bias=False)
        self.up_proj = nn.Linear(config.dim, config.hidden, bias=False)
        self.down_proj = nn.Linear(config.hidden, config.dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


def whole(x: Tensor) -> Tensor:
    """One rank has the whole of every product already: nothing to add up."""
    return x


class Block(nn.Module):
    def __init__(self, config: Config, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.input_layernorm = RMSNorm(config.dim, config.norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.dim, config.norm_eps)
        self.mlp = MLP(config)
        # Tensor parallelism puts its all-reduce here, twice a layer.
        self.add_up: Callable[[Tensor], Tensor] = whole

    def forward(
        self,
        x: Tensor,
        rope: tuple[Tensor, Tensor],
        positions: Tensor,
        mask: Tensor | None,
        cache: Cache | None,
    ) -> Tensor:
        attended = self.self_attn(self.input_layernorm(x), rope, positions, mask, cache, self.layer)
        x = x + self.add_up(attended)
        return x + self.add_up(self.mlp(self.post_attention_layernorm(x)))


class Llama(nn.Module):
    """A Llama; its parameters have the names of a Hugging Face checkpoint."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab, config.dim)
        self.layers = nn.ModuleList(Block(config, i) for i in range(config.layers))
        self.norm = RMSNorm(config.dim, config.norm_eps)
        self.lm_head = nn.Linear(config.dim, config.vocab, bias=False)
        if config.tied:
            self.lm_head.weight = self.embed_tokens.weight
        self.reset_rope()

    def reset_rope(self) -> None:
        """Compute the table of rotations, which no checkpoint stores."""
        cos, sin = rope_table(self.config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def hidden(self, tokens: Tensor, positions: Tensor, cache: Cache | None = None) -> Tensor:
        """Last hidden states [B, T, dim] of ``tokens`` [B, T] at ``positions`` [T].

        Without a cache, the tokens see each other only: positions must then be 0 .. T-1.
        """
        x = self.embed_tokens(tokens)
        rope = (self.cos[positions].to(x.dtype), self.sin[positions].to(x.dtype))
        mask = None if cache is None else cache.mask(positions)
        for block in self.layers:
            x = block(x, rope, positions, mask, cache)
        return self.norm(x)

    def forward(self, tokens: Tensor, positions: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits [B, T, vocab] of the token after each of ``tokens`` [B, T]."""
        return self.lm_head(self.hidden(tokens, positions, cache))
