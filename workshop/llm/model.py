"""Llama: embedding, blocks of attention and MLP, output head.

Touvron et al. 2023, https://arxiv.org/abs/2302.13971. Letters in shape comments: B batch,
T tokens fed in, S tokens attended to, H query heads, K key/value heads, D size of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workshop.llm.attention import Attend, Kind, Prepare, sdpa, unchanged
from workshop.llm.config import Config
from workshop.llm.linear import Linear
from workshop.llm.rope import rope_table, rotate


class Cache(Protocol):
    """Where keys and values of earlier tokens are kept (see ``workshop.llm.cache``)."""

    def update(self, layer: int, k: Tensor, v: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Store k, v [B, K, T, D] at ``positions`` [T]; return all, [B, K, S, D] each."""

    def mask(self, positions: Tensor) -> Tensor | None:
        """Which of the S stored tokens each of the T new ones may see: bool, [T, S] or, if the

        sequences of a batch differ in it, [B, 1, T, S]. None where each may see all before it, and
        T is 1 or S.
        """

    def places(self, positions: Tensor) -> Tensor:
        """Where in their text the tokens at ``positions`` [T] stand: [T], or [B, T]."""


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Scale x to unit root mean square, in fp32 (https://arxiv.org/abs/1910.07467)."""
    h = x.float()
    h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + eps)
    return weight * h.to(x.dtype)


class RMSNorm(nn.Module):
    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)

    def add(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """x + y, and its norm: Inductor makes one kernel of the two by itself."""
        x = x + y
        return x, self(x)


class Attention(nn.Module):
    qkv_proj: nn.Module

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        kv_dim = config.kv_heads * config.head_dim
        q_dim = config.heads * config.head_dim
        self.q_proj = Linear(config.dim, q_dim)
        self.k_proj = Linear(config.dim, kv_dim)
        self.v_proj = Linear(config.dim, kv_dim)
        self.o_proj = Linear(q_dim, config.dim)
        self.merged: tuple[int, ...] | None = None  # outputs of each, once merged (fuse.py)
        self.attend: Attend = sdpa  # or another of ``attention.KINDS``

    def project(self, x: Tensor) -> Sequence[Tensor]:
        """Queries, keys and values of x; one product where ``fuse`` has merged the three."""
        if self.merged is not None:
            return self.qkv_proj(x).split(self.merged, dim=-1)
        return self.q_proj(x), self.k_proj(x), self.v_proj(x)

    def split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)  # [B, T, H*D] -> [B, H, T, D]

    def forward(
        self,
        x: Tensor,
        rope: tuple[Tensor, Tensor],
        positions: Tensor,
        mask: Any,
        cache: Cache | None,
        layer: int,
    ) -> Tensor:
        q, k, v = (self.split_heads(part) for part in self.project(x))
        q, k = rotate(q, *rope), rotate(k, *rope)
        if cache is not None:
            k, v = cache.update(layer, k, v, positions)
        out = self.attend(q, k, v, mask)
        return self.o_proj(out.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x)) (https://arxiv.org/abs/2002.05202)."""

    gate_up_proj: nn.Module

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.gate_proj = Linear(config.dim, config.hidden)
        self.up_proj = Linear(config.dim, config.hidden)
        self.down_proj = Linear(config.hidden, config.dim)
        self.merged: tuple[int, ...] | None = None  # outputs of each, once merged (fuse.py)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.project(x)
        return self.down_proj(F.silu(gate) * up)

    def project(self, x: Tensor) -> Sequence[Tensor]:
        """Gate and up of x; one product where ``fuse`` has merged the two."""
        if self.merged is not None:
            return self.gate_up_proj(x).split(self.merged, dim=-1)
        return self.gate_proj(x), self.up_proj(x)


def whole(x: Tensor) -> Tensor:
    """One rank has the whole already: nothing to add up, and nobody to agree with."""
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
        mask: Any,
        cache: Cache | None,
    ) -> Tensor:
        attended = self.self_attn(self.input_layernorm(x), rope, positions, mask, cache, self.layer)
        x, normed = self.post_attention_layernorm.add(x, self.add_up(attended))
        return x + self.add_up(self.mlp(normed))


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
        self.lm_head = Linear(config.dim, config.vocab)
        if config.tied:
            self.lm_head.weight = self.embed_tokens.weight
        self.prepare_mask: Prepare = unchanged  # for all layers at once
        # Tensor parallelism puts there that every rank takes rank 0's choice of a token.
        self.agree: Callable[[Tensor], Tensor] = whole
        self.reset_rope()

    def reset_rope(self) -> None:
        """Compute the table of rotations, which no checkpoint stores.

        On a CPU, so that all devices have the same; not at all where there is no memory for it yet.
        """
        config = self.config
        device = self.embed_tokens.weight.device
        if device.type == "meta":
            cos, sin = (torch.empty(config.positions, config.head_dim) for _ in range(2))
        else:
            cos, sin = rope_table(
                config.head_dim, config.positions, config.rope_theta, config.rope_scaling
            )
        cos, sin = cos.to(device), sin.to(device)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def attend_by(self, kind: Kind) -> None:
        """Have every layer attend by one of ``attention.KINDS``."""
        self.prepare_mask = kind.prepare
        for block in self.layers:
            assert isinstance(block, Block)
            block.self_attn.attend = kind.attend

    def hidden(self, tokens: Tensor, positions: Tensor, cache: Cache | None = None) -> Tensor:
        """Last hidden states [B, T, dim] of ``tokens`` [B, T] at ``positions`` [T].

        Without a cache, the tokens see each other only: positions must then be 0 .. T-1.
        """
        x = self.embed_tokens(tokens)
        at = positions if cache is None else cache.places(positions)
        # [T, D] or [B, T, D] -> one turn for all heads
        rope = (self.cos[at].unsqueeze(-3).to(x.dtype), self.sin[at].unsqueeze(-3).to(x.dtype))
        mask = self.prepare_mask(None if cache is None else cache.mask(positions), tokens)
        for block in self.layers:
            x = block(x, rope, positions, mask, cache)
        return self.norm(x)

    def forward(self, tokens: Tensor, positions: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits [B, T, vocab] of the token after each of ``tokens`` [B, T]."""
        return self.lm_head(self.hidden(tokens, positions, cache))
