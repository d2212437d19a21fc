"""A little language model of attention alone, for exercises: given is what is not their point.

Letters in shapes: B batch, H heads, D size of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def unit(x: Tensor) -> Tensor:
    """x with a root mean square of one, worked out in fp32."""
    h = x.float()
    return (h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-5)).to(x.dtype)


class Layer(nn.Module):
    """What stands before and after attention in a layer."""

    qkv: Tensor
    out: Tensor

    def __init__(self, weights: dict[str, Tensor], heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.register_buffer("qkv", weights["qkv"])  # [3 * H * D, dim]
        self.register_buffer("out", weights["out"])  # [dim, H * D]

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value, [B, H, 1, D] each, of the token with the vector x [B, 1, dim]."""
        parts = (unit(x) @ self.qkv.T).unflatten(-1, (3, self.heads, -1))
        q, k, v = (part.transpose(1, 2) for part in parts.unbind(2))
        return q, k, v

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """The next layer's x [B, 1, dim], from this one's and from what attention gave.

        Args:
            attended: [B, H, 1, D].
        """
        return x + attended.transpose(1, 2).flatten(2) @ self.out.T


class Little(nn.Module):
    """Embedding, layers, and logits.

    Attributes:
        size: D.
        length: the most tokens that a sequence can have.
    """

    tokens: Tensor
    places: Tensor
    head: Tensor

    def __init__(self, weights: dict[str, Any], heads: int) -> None:
        """``weights``: tokens and head, [vocab, dim], places [length, dim], and layers: a list of

        qkv and out (``Layer``).
        """
        super().__init__()
        self.register_buffer("tokens", weights["tokens"])
        self.register_buffer("places", weights["places"])
        self.register_buffer("head", weights["head"])
        self.layers = nn.ModuleList(Layer(each, heads) for each in weights["layers"])
        self.heads = heads
        self.size = weights["layers"][0]["out"].shape[1] // heads
        self.length = weights["places"].shape[0]

    @classmethod
    def random(cls, vocab: int, layers: int, heads: int, size: int, length: int) -> Little:
        """A model that nobody has trained."""
        dim = heads * size
        drawn = [
            {
                "qkv": torch.randn(3 * dim, dim) * dim**-0.5,
                "out": torch.randn(dim, dim) * dim**-0.5,
            }
            for _ in range(layers)
        ]
        rows = {"tokens": vocab, "head": vocab, "places": length}
        weights = {name: torch.randn(count, dim) for name, count in rows.items()}
        return cls({**weights, "layers": drawn}, heads)

    def embed(self, token: Tensor, position: Tensor) -> Tensor:
        """x [B, 1, dim] of the tokens [B] at ``position`` [1], the same for all."""
        return (self.tokens[token] + self.places[position]).unsqueeze(1)

    def logits(self, x: Tensor) -> Tensor:
        """Logits [B, vocab] of the token after the one with the vector x [B, 1, dim]."""
        return (unit(x) @ self.head.T).squeeze(1)
