"""Scale on the wrong axis."""

import torch

HINT = "dim 1"


def quantize_rows(weight):
    weight = weight.float()
    scale = weight.abs().amax(dim=0).clamp(min=1e-9) / 127
    return torch.round(weight / scale).clamp(-127, 127).to(torch.int8), scale
