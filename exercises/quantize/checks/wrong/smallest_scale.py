"""A scale that is never below 1e-6, so that nothing is divided by zero."""

import torch

HINT = "smallest scale"


def quantize_rows(weight):
    weight = weight.float()
    scale = (weight.abs().amax(dim=1) / 127).clamp(min=1e-6)
    return torch.round(weight / scale[:, None]).clamp(-127, 127).to(torch.int8), scale
