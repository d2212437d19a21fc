"""The place after the token is seen, which is not written yet."""

import torch

HINT = "one too many"


def mask(position, length):
    return torch.arange(length) <= position[:, None] + 1
