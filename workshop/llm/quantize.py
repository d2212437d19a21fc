"""Weight-only int8, symmetric, one scale per output channel.

``X_q = round(127 / max|X| * X)`` for each row of a weight: the absmax scheme of LLM.int8()
(Dettmers et al. 2022, https://arxiv.org/abs/2208.07339), on weights alone. A decode step reads
every weight once, so half the bytes is half the time wherever reading is what takes the time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workshop.llm.model import Llama


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """int8 values [out, in] and fp32 scales [out] such that values * scales is about weight.

    The error of an element is at most half its row's scale. A row of zeros stays zero. The scales
    are numbers that bf16 can hold: a model that runs in bf16 rounds them no further.
    """
    weight = weight.float()
    scale = (weight.abs().amax(dim=1) / 127).bfloat16().float()
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    values = torch.round(weight / scale[:, None]).clamp(-127, 127).to(torch.int8)
    return values, scale


class Int8Linear(nn.Module):
    """A linear layer without bias whose weight is int8 [out, in] with a scale per output."""

    weight: Tensor
    scale: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(outputs, inputs, dtype=torch.int8))
        self.register_buffer("scale", torch.ones(outputs))

    @classmethod
    def from_linear(cls, linear: nn.Linear, scale_dtype: torch.dtype | None = None) -> Int8Linear:
        with torch.device(linear.weight.device):
            quantized = cls(linear.in_features, linear.out_features)
        values, scale = quantize_rows(linear.weight.detach())
        quantized.weight.copy_(values)
        quantized.scale = scale.to(scale_dtype or linear.weight.dtype)
        return quantized

    def forward(self, x: Tensor) -> Tensor:
        # Written like this, Inductor makes one kernel of it that reads int8 and converts in
        # registers (on a CPU: _weight_int8pack_mm). Eager mode converts the weight in memory
        # first, and is slower than no quantisation at all.
        return F.linear(x, self.weight.to(x.dtype)) * self.scale


def _replace(module: nn.Module, make: Callable[[nn.Linear], Int8Linear]) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, make(child))
        else:
            _replace(child, make)


def quantize(model: Llama, scale_dtype: torch.dtype | None = None) -> None:
    """Quantise every linear layer in place; a tied head gets an int8 copy of its own.

    Scales are in the model's own dtype by default, so that a step need not convert them; a
    checkpoint keeps them in fp32.
    """
    _replace(model, lambda linear: Int8Linear.from_linear(linear, scale_dtype))


def make_room(model: Llama) -> None:
    """Put an empty ``Int8Linear`` in the place of every linear layer, for a checkpoint to fill."""
    _replace(model, lambda linear: Int8Linear(linear.in_features, linear.out_features))


def is_quantized(model: Llama) -> bool:
    return isinstance(model.lm_head, Int8Linear)
