"""As wide as what is written: another shape at every step."""

import torch

HINT = "shapes must stay"


def mask(position, length):
    return torch.ones(1, int(position) + 2, dtype=torch.bool)
