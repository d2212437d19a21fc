"""All 16 values of int4, and a half more."""

import torch

HINT = "divide by 7"


def quantize_groups(weight, group):
    groups = weight.float().unflatten(1, (-1, group))
    scale = groups.abs().amax(dim=2) / 7.5
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return torch.round(groups / scale[:, :, None]).clamp(-7, 7).to(torch.int8).flatten(1), scale
