"""Groups of every n-th element."""

import torch

HINT = "NEIGHBOURS"


def quantize_groups(weight, group):
    groups = weight.unflatten(1, (group, -1))
    scale = groups.abs().amax(dim=1) / 7
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return torch.round(groups / scale[:, None]).clamp(-7, 7).to(torch.int8).flatten(1), scale
