"""Groups along the outputs."""

import torch

HINT = "in a ROW"


def quantize_groups(weight, group):
    out, inputs = weight.shape
    flat = weight.float().T.reshape(-1, group)
    scale = flat.abs().amax(1) / 7
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    values = torch.round(flat / scale[:, None]).clamp(-7, 7).to(torch.int8)
    return values.reshape(inputs, out).T.contiguous(), scale.reshape(out, inputs // group)
