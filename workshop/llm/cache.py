"""KV caches: the keys and values of earlier tokens, so that a step computes only the new one's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workshop.llm.config import Config


class GrowingCache:
    """Appends by ``torch.cat``: simple, and every step allocates and copies the whole cache.

    Its shapes change at every token, so nothing that uses it compiles to one graph.
    """

    def __init__(self, config: Config) -> None:
        self.keys: list[Tensor | None] = [None] * config.layers
        self.values: list[Tensor | None] = [None] * config.layers
        self.length = 0  # tokens stored before the step at hand

    def update(self, layer: int, k: Tensor, v: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        old_k, old_v = self.keys[layer], self.values[layer]
        if old_k is not None and old_v is not None:
            k, v = torch.cat([old_k, k], dim=2), torch.cat([old_v, v], dim=2)
        self.keys[layer], self.values[layer] = k, v
        if layer == len(self.keys) - 1:
            self.length = k.shape[2]
        return k, v

    def mask(self, positions: Tensor) -> Tensor:
        stored = torch.arange(self.length + positions.shape[0], device=positions.device)
        return stored <= positions[:, None]

    def clear(self) -> None:
        self.keys = [None] * len(self.keys)
        self.values = [None] * len(self.values)
        self.length = 0


class LayerCache(nn.Module):
    """Keys and values of one layer, [B, K, S, D] each."""

    k: Tensor
    v: Tensor

    def __init__(self, shape: tuple[int, int, int, int], dtype: torch.dtype) -> None:
        super().__init__()
        # Buffers, because CUDA graphs take a module's buffers to stay at their address.
        self.register_buffer("k", torch.zeros(shape, dtype=dtype), persistent=False)
        self.register_buffer("v", torch.zeros(shape, dtype=dtype), persistent=False)


class StaticCache(nn.Module):
    """Room for ``length`` tokens, allocated once and written in place.

    Shapes never change, so a step compiles once; the mask hides what is not written yet. Going
    back (a rejected draft) costs nothing: the positions are simply written again.
    """

    def __init__(
        self, config: Config, batch: int, length: int, dtype: torch.dtype, ranks: int = 1
    ) -> None:
        super().__init__()
        shape = (batch, config.kv_heads // ranks, length, config.head_dim)
        self.layers = nn.ModuleList(LayerCache(shape, dtype) for _ in range(config.layers))
        self.length = length

    def update(self, layer: int, k: Tensor, v: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.layers[layer]
        assert isinstance(kept, LayerCache)
        kept.k.index_copy_(2, positions, k)
        kept.v.index_copy_(2, positions, v)
        return kept.k, kept.v

    def mask(self, positions: Tensor) -> Tensor:
        return torch.arange(self.length, device=positions.device) <= positions[:, None]

    def clear(self) -> None:
        """Nothing to do: the mask hides whatever an earlier run left behind."""
