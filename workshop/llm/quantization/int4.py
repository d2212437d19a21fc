"""Weight-only int4, asymmetric, a scale and a zero point for each group of weights in a row.

Sixteen steps are too few for a whole row, so 32, 64 or 128 neighbours share them (as in GPTQ,
Frantar et al. 2022, https://arxiv.org/abs/2210.17323, and llama.cpp's Q4_1), laid from a group's
smallest weight to its largest:

    weight = (value - 8) * scale + zero        value 0 .. 15

Stored in one canonical form, whatever the device (``pack.py`` lays it out for the one at hand):

    weight  uint8 [out, in / 2]       two values a byte, the first of a pair in the high half
    scale   float [out, in / group]
    zero    float [out, in / group]

A weight then takes 4 bits, and 32 / group more for its share of a scale and a zero in bf16.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workshop.llm.errors import EngineError

GROUP_SIZES = (32, 64, 128)
MIDDLE = 8  # the value that stands for ``zero``; the kernels of torch have it so
LARGEST = 15


class GroupError(EngineError, ValueError):
    """Inputs that do not make whole groups; the message says which and what to do."""


def group_size_for(inputs: int, wanted: int) -> int:
    """The group size of a layer: ``wanted``, or the largest below it that divides its inputs.

    Raises:
        GroupError: not even the smallest does.
    """
    for size in sorted(GROUP_SIZES, reverse=True):
        if size <= wanted and inputs % size == 0:
            return size
    raise GroupError(
        f"{inputs} inputs of a layer do not make whole groups of {GROUP_SIZES[0]}: "
        "int4 cannot hold them; use int8"
    )


def grid(groups: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and zero [...] of groups of weights [..., group], as numbers that bf16 can hold.

    From the smallest weight, value 0, to the largest, value 15. The zero is rounded first, and
    the scale reaches for both ends from there: so a group far away from 0 loses nothing either.
    """
    low, high = groups.amin(-1), groups.amax(-1)
    zero = (low + (high - low) * (MIDDLE / LARGEST)).bfloat16().float()
    scale = torch.maximum((zero - low) / MIDDLE, (high - zero) / (LARGEST - MIDDLE))
    scale = scale.bfloat16().float()
    return torch.where(scale > 0, scale, torch.ones_like(scale)), zero


def to_grid(groups: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """The nearest values 0 .. 15 of groups of weights [..., group], as uint8."""
    steps = torch.round((groups - zero[..., None]) / scale[..., None]) + MIDDLE
    return steps.clamp(0, LARGEST).to(torch.uint8)


def pair(values: Tensor) -> Tensor:
    """Values 0 .. 15 [out, in] as bytes [out, in / 2]."""
    return (values[:, ::2] << 4) | values[:, 1::2]


def unpair(pairs: Tensor) -> Tensor:
    """The inverse of ``pair``."""
    return torch.stack([pairs >> 4, pairs & 15], dim=-1).flatten(1)


def quantize_groups(weight: Tensor, group_size: int) -> tuple[Tensor, Tensor, Tensor]:
    """A weight [out, in] in the canonical form; ``scale`` and ``zero`` in fp32.

    The error of an element is at most half its group's scale. A group of zeros stays zero.
    """
    groups = weight.float().unflatten(1, (-1, group_size))
    scale, zero = grid(groups)
    return pair(to_grid(groups, scale, zero).flatten(1)), scale, zero


def dequantize_groups(pairs: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """The weight [out, in] that the canonical form stands for, in the dtype of ``scale``."""
    groups = unpair(pairs).unflatten(1, (scale.shape[1], -1)).to(scale.dtype)
    return ((groups - MIDDLE) * scale[..., None] + zero[..., None]).flatten(1)


class Int4Linear(nn.Module):
    """A linear layer without bias whose weight is int4, in the canonical form.

    Right anywhere, and slow in eager mode, which makes the whole weight anew at each call.
    """

    weight: Tensor
    scale: Tensor
    zero: Tensor

    def __init__(self, inputs: int, outputs: int, group_size: int = GROUP_SIZES[0]) -> None:
        super().__init__()
        groups = inputs // group_size_for(inputs, group_size)
        self.register_buffer("weight", torch.zeros(outputs, inputs // 2, dtype=torch.uint8))
        self.register_buffer("scale", torch.ones(outputs, groups))
        self.register_buffer("zero", torch.zeros(outputs, groups))

    @classmethod
    def from_weight(
        cls, weight: Tensor, group_size: int, scale_dtype: torch.dtype | None = None
    ) -> Int4Linear:
        """Quantise a weight [out, in], where it is; scales in its own dtype by default.

        Raises:
            GroupError: the inputs do not make whole groups.
        """
        size = group_size_for(weight.shape[1], group_size)
        pairs, scale, zero = quantize_groups(weight.detach(), size)
        dtype = scale_dtype or weight.dtype
        return cls.of(pairs, scale.to(dtype), zero.to(dtype))

    @classmethod
    def of(cls, pairs: Tensor, scale: Tensor, zero: Tensor) -> Int4Linear:
        """A layer of what is quantised already."""
        inputs = 2 * pairs.shape[1]
        with torch.device("meta"):  # no room is needed: the tensors come from outside
            linear = cls(inputs, pairs.shape[0], inputs // scale.shape[1])
        linear.weight, linear.scale, linear.zero = pairs, scale, zero
        return linear

    @property
    def in_features(self) -> int:
        return 2 * self.weight.shape[1]

    @property
    def out_features(self) -> int:
        return self.weight.shape[0]

    @property
    def group_size(self) -> int:
        return self.in_features // self.scale.shape[1]

    def dequantized(self) -> Tensor:
        """The weight [out, in] that this layer multiplies by, in fp32."""
        return dequantize_groups(self.weight, self.scale.float(), self.zero.float())

    def forward(self, x: Tensor) -> Tensor:
        # Made in the activations' dtype: torch's int4 kernel for a GPU rounds there as well.
        return F.linear(x, dequantize_groups(self.weight, self.scale, self.zero).to(x.dtype))
