"""A row of zeros gives nan."""

import torch

HINT = "0 / 0"


def quantize_rows(weight):
    weight = weight.float()
    scale = weight.abs().amax(dim=1) / 127
    return torch.round(weight / scale[:, None]).clamp(-127, 127).to(torch.int8), scale
