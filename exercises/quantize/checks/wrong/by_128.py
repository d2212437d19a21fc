"""Divided by 128."""

import torch

HINT = "divide by 127"


def quantize_rows(weight):
    weight = weight.float()
    scale = weight.abs().amax(dim=1) / 128
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return torch.round(weight / scale[:, None]).clamp(-128, 127).to(torch.int8), scale
