"""The attention of every layer is the participant's, one sequence after another.

Their function is causal and knows no other mask: the stage is run eagerly, with the cache that
grows, so that there is none. The engine keeps no pages: their paged attention stays out of it.
"""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from workshop.llm import attention
from workshop.util.errors import UsageError

STAGE = "baseline"
SETTINGS: dict[str, Any] = {"compile": False}
BLOCK = 64


def plug(theirs: ModuleType) -> list[tuple[Any, str, Any]]:
    theirs.attention  # noqa: B018 (asked for now, and not in the middle of the run)

    def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        if mask is not None:
            raise UsageError(
                "the attention of the exercise knows no mask, which speculation and prompts of "
                "different lengths need: leave them out"
            )
        k, v = attention.for_each_query_head(k, q), attention.for_each_query_head(v, q)
        rows = zip(q, k, v, strict=True)  # [H, T, D] and [H, S, D] of each sequence
        return torch.stack([theirs.attention(*row, BLOCK) for row in rows])

    return [(attention, "KINDS", dict.fromkeys(attention.KINDS, attention.Kind(attend)))]
