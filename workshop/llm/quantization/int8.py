"""Weight-only int8, symmetric, one scale per output channel.

``X_q = round(127 / max|X| * X)`` for each row of a weight: the absmax scheme of LLM.int8()
(Dettmers et al. 2022, https://arxiv.org/abs/2208.07339), on weights alone. A decode step reads
every weight once, so half the bytes is half the time wherever reading is what takes the time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workshop.llm.linear import multiply


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
    def from_weight(cls, weight: Tensor, scale_dtype: torch.dtype | None = None) -> Int8Linear:
        """Quantise a weight [out, in], where it is; scales in its own dtype by default."""
        values, scale = quantize_rows(weight.detach())
        return cls.of(values, scale.to(scale_dtype or weight.dtype))

    @classmethod
    def of(cls, values: Tensor, scale: Tensor) -> Int8Linear:
        """A layer of what is quantised already."""
        with torch.device("meta"):  # no room is needed: the tensors come from outside
            linear = cls(values.shape[1], values.shape[0])
        linear.weight, linear.scale = values, scale
        return linear

    @property
    def in_features(self) -> int:
        return self.weight.shape[1]

    @property
    def out_features(self) -> int:
        return self.weight.shape[0]

    def dequantized(self) -> Tensor:
        """The weight [out, in] that this layer multiplies by, in fp32."""
        return self.weight.float() * self.scale.float()[:, None]

    def forward(self, x: Tensor) -> Tensor:
        # Written like this, Inductor makes one kernel of it that reads int8 and converts in
        # registers (on a CPU, of many tokens: _weight_int8pack_mm). Eager mode converts the weight
        # in memory first, and is slower than no quantisation at all.
        return multiply(x, self.weight) * self.scale
