"""The weight itself is divided by its scale."""

import torch

HINT = "an operation in place"


def quantize_rows(weight):
    weight = weight.float()  # of an fp32 weight, this is the weight itself
    scale = weight.abs().amax(dim=1) / 127
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    weight /= scale[:, None]
    return torch.round(weight).clamp(-127, 127).to(torch.int8), scale
