"""Weight-only quantisation, solved."""

import torch
from torch import Tensor


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    weight = weight.float()
    scale = weight.abs().amax(dim=1) / 127
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))  # a row of zeros: 0 / 1
    values = torch.round(weight / scale[:, None]).clamp(-127, 127).to(torch.int8)
    return values, scale


def dequantize_rows(values: Tensor, scale: Tensor) -> Tensor:
    return values.float() * scale[:, None]


def int8_linear(x: Tensor, values: Tensor, scale: Tensor) -> Tensor:
    return (x @ values.to(x.dtype).T) * scale


def stored_bytes(outputs: int, inputs: int, bits: int, group: int) -> int:
    return outputs * inputs * bits // 8 + outputs * (inputs // group) * 2


def quantize_groups(weight: Tensor, group: int) -> tuple[Tensor, Tensor]:
    groups = weight.float().unflatten(1, (-1, group))  # [out, in / group, group]
    scale = groups.abs().amax(dim=2) / 7
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    values = torch.round(groups / scale[:, :, None]).clamp(-7, 7).to(torch.int8)
    return values.flatten(1), scale


def pack(values: Tensor) -> Tensor:
    unsigned = (values + 8).to(torch.uint8)
    return unsigned[:, 0::2] | (unsigned[:, 1::2] << 4)


def unpack(packed: Tensor) -> Tensor:
    low, high = packed & 15, packed >> 4
    return torch.stack([low, high], dim=2).flatten(1).to(torch.int8) - 8
