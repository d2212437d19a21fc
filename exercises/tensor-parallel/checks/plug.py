"""The part of a layer that a rank holds, its products and all-reduces are the participant's.

Every rank loads the whole model, and theirs cuts it. Weights are not quantised, as their functions
know no such kind, and nothing is compiled: compare with 'workshop run tp --quantize none
--no-compile'.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from workshop.llm.model import Block, Llama
from workshop.llm.ranks import parallel
from workshop.llm.ranks.part import Part
from workshop.runner import assemble
from workshop.runner.models import Source

STAGE = "tp"
SETTINGS: dict[str, Any] = {"compile": False, "quantize": "none", "fuse": False}


class Theirs(nn.Module):
    """A part of a linear layer, multiplied by their function (x [T, in], weight) -> [T, out]."""

    def __init__(self, weight: Tensor, multiply: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.multiply = multiply

    def forward(self, x: Tensor) -> Tensor:
        return self.multiply(x.flatten(0, -2), self.weight).unflatten(0, x.shape[:-1])


def plug(theirs: ModuleType) -> list[tuple[Any, str, Any]]:
    load_model = assemble.load_model
    cut, column, row = theirs.layer_part, theirs.column_linear, theirs.row_linear

    def load_and_cut(
        source: Source, dtype: torch.dtype, device: torch.device, part: Part, how: None
    ) -> Llama:
        model = load_model(source, dtype, device)
        config = model.config
        for block in model.layers:
            assert isinstance(block, Block)
            a, m = block.self_attn, block.mlp
            owners = {"q": a, "k": a, "v": a, "o": a, "gate": m, "up": m, "down": m}
            whole = {name: getattr(own, f"{name}_proj").weight for name, own in owners.items()}
            parts = cut(whole, config.heads, config.kv_heads, part.rank, part.ranks)
            for name, own in owners.items():
                by_row = name in ("o", "down")
                multiply = (lambda x, weight: row(x, weight, None)) if by_row else column
                setattr(own, f"{name}_proj", Theirs(parts[name], multiply))
        return model

    def agree_alone(model: Llama) -> None:
        """Their row_linear adds up already."""
        model.agree = parallel.agree

    return [
        (assemble, "load_model", load_and_cut),
        (parallel, "add_up_over_ranks", agree_alone),
    ]
