"""The 8 not subtracted."""

import torch

HINT = "subtract it"


def unpack(packed):
    return torch.stack([packed & 15, packed >> 4], dim=2).flatten(1).to(torch.int8)
