"""Cut off in place of rounded."""

import torch

HINT = "round first"


def quantize_rows(weight):
    weight = weight.float()
    scale = weight.abs().amax(dim=1) / 127
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return (weight / scale[:, None]).clamp(-127, 127).to(torch.int8), scale
