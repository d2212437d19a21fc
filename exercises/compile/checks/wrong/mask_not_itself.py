"""A token does not see itself."""

import torch

HINT = "sees itself too"


def mask(position, length):
    return torch.arange(length) < position[:, None]
