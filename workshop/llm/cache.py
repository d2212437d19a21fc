"""KV caches: the keys and values of earlier tokens, so that a step computes only the new one's.

The tokens of a batch are written side by side, all sequences at the same position of the cache.
Where the prompts differ in length, the shorter ones are padded on the left, so that all end at one
position; the padding is hidden by the mask, and not counted in the positions that RoPE turns by:

    padding   2:  [ .  .  a  b  c | d  e  ... ]   the places of a, b, c in their text: 0, 1, 2
              0:  [ p  q  r  s  t | u  v  ... ]
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workshop.llm.config import Config
from workshop.llm.ranks.part import kv_heads_of


def visible(length: int, positions: Tensor, padding: Tensor | None) -> Tensor:
    """Which of ``length`` stored tokens the ones at ``positions`` [T] may see, bool.

    [T, length]; with ``padding`` [B], the tokens on the left to hide, [B, 1, T, length].
    """
    stored = torch.arange(length, device=positions.device)
    earlier = stored <= positions[:, None]
    if padding is None:
        return earlier
    # Padding sees itself: a softmax over nothing would be nan, and spread through the values.
    itself = stored == positions[:, None]
    return earlier & (stored >= padding[:, None, None, None]) | itself


def places_in_text(positions: Tensor, padding: Tensor | None) -> Tensor:
    """Positions [T] in the cache as places in each sequence's own text: [B, T], or [T] itself."""
    return positions if padding is None else (positions - padding[:, None]).clamp(min=0)


class GrowingCache:
    """Appends by ``torch.cat``: simple, and every step allocates and copies the whole cache.

    Its shapes change at every token, so nothing that uses it compiles to one graph.
    """

    def __init__(self, config: Config) -> None:
        self.keys: list[Tensor | None] = [None] * config.layers
        self.values: list[Tensor | None] = [None] * config.layers
        self.length = 0  # tokens stored before the step at hand
        self.padding: Tensor | None = None

    def update(self, layer: int, k: Tensor, v: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        old_k, old_v = self.keys[layer], self.values[layer]
        if old_k is not None and old_v is not None:
            k, v = torch.cat([old_k, k], dim=2), torch.cat([old_v, v], dim=2)
        self.keys[layer], self.values[layer] = k, v
        if layer == len(self.keys) - 1:
            self.length = k.shape[2]
        return k, v

    def mask(self, positions: Tensor) -> Tensor | None:
        if positions.shape[0] == 1 and self.padding is None:
            return None  # all that is stored was said before
        return visible(self.length + positions.shape[0], positions, self.padding)

    def places(self, positions: Tensor) -> Tensor:
        return places_in_text(positions, self.padding)

    def clear(self, padding: Tensor | None = None) -> None:
        self.keys = [None] * len(self.keys)
        self.values = [None] * len(self.values)
        self.length = 0
        self.padding = padding


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

    ``ragged`` makes it ready for prompts of different lengths; without it, a step is spared what
    those need.
    """

    padding: Tensor | None

    def __init__(
        self,
        config: Config,
        batch: int,
        length: int,
        dtype: torch.dtype,
        ranks: int = 1,
        ragged: bool = False,
    ) -> None:
        super().__init__()
        shape = (batch, kv_heads_of(config, ranks), length, config.head_dim)
        self.layers = nn.ModuleList(LayerCache(shape, dtype) for _ in range(config.layers))
        self.length = length
        padding = torch.zeros(batch, dtype=torch.long) if ragged else None
        self.register_buffer("padding", padding, persistent=False)

    def update(self, layer: int, k: Tensor, v: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.layers[layer]
        assert isinstance(kept, LayerCache)
        kept.k.index_copy_(2, positions, k)
        kept.v.index_copy_(2, positions, v)
        return kept.k, kept.v

    def mask(self, positions: Tensor) -> Tensor:
        return visible(self.length, positions, self.padding)

    def places(self, positions: Tensor) -> Tensor:
        return places_in_text(positions, self.padding)

    def clear(self, padding: Tensor | None = None) -> None:
        """Forget everything; ``padding`` [B] is what the new prompts have on the left.

        The mask hides whatever an earlier run left behind, so nothing need be wiped.
        """
        if self.padding is not None:
            self.padding.zero_() if padding is None else self.padding.copy_(padding)
        elif padding is not None:
            raise ValueError("this cache was not made for prompts of different lengths (ragged)")


class EmptyCache:
    """A cache while the prompt is read into it: its tokens have nothing but each other to see.

    So attention runs over the T tokens of the prompt, not over all of a static cache, and needs no
    mask but the causal one, for which there are faster kernels.
    """

    def __init__(self, cache: GrowingCache | StaticCache) -> None:
        self.cache = cache

    def update(self, layer: int, k: Tensor, v: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        self.cache.update(layer, k, v, positions)
        return k, v

    def mask(self, positions: Tensor) -> Tensor | None:
        if self.cache.padding is None:
            return None
        return visible(positions.shape[0], positions, self.cache.padding)

    def places(self, positions: Tensor) -> Tensor:
        return self.cache.places(positions)
