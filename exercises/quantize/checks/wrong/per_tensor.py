"""One scale for all."""

import torch

HINT = "a scale of its own"


def quantize_rows(weight):
    weight = weight.float()
    scale = weight.abs().amax() / 127
    return torch.round(weight / scale).clamp(-127, 127).to(torch.int8), scale
