"""One scale for all, a copy a row."""

import torch

HINT = "of its own"


def quantize_rows(weight):
    weight = weight.float()
    scale = (weight.abs().amax() / 127).expand(weight.shape[0]).clone()
    return torch.round(weight / scale[:, None]).clamp(-127, 127).to(torch.int8), scale
