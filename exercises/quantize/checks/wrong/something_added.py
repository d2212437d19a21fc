"""1e-8 is added to every scale."""

import torch

HINT = "added to every scale"


def quantize_rows(weight):
    weight = weight.float()
    scale = weight.abs().amax(dim=1) / 127 + 1e-8
    return torch.round(weight / scale[:, None]).clamp(-127, 127).to(torch.int8), scale
