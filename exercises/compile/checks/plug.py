"""The static cache of decode: writing into it, and its mask, are the participant's.

A prompt is read in one pass, which their functions of one token do not know: that stays ours.
"""

from types import ModuleType
from typing import Any

from torch import Tensor

from workshop.llm.cache import StaticCache

STAGE = "compile"
SETTINGS: dict[str, Any] = {}


def plug(theirs: ModuleType) -> list[tuple[Any, str, Any]]:
    update, mask = StaticCache.update, StaticCache.mask

    def their_update(
        cache: StaticCache, layer: int, k: Tensor, v: Tensor, positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        if k.shape[2] > 1:
            return update(cache, layer, k, v, positions)
        kept = cache.layers[layer]
        theirs.update((kept.k, kept.v), k, v, positions)
        return kept.k, kept.v

    def their_mask(cache: StaticCache, positions: Tensor) -> Tensor:
        if positions.shape[0] > 1 or cache.padding is not None:
            return mask(cache, positions)
        return theirs.mask(positions, cache.length)

    return [(StaticCache, "update", their_update), (StaticCache, "mask", their_mask)]
