"""Multiplied by the scale in place of divided."""

import torch

HINT = "divide by the scale"


def quantize_rows(weight):
    weight = weight.float()
    scale = weight.abs().amax(dim=1) / 127
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return torch.round(weight * scale[:, None]).clamp(-127, 127).to(torch.int8), scale
