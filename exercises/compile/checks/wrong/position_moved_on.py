"""The mask counts on in the tensor that it is given."""

import torch

HINT = "belongs to the caller"


def mask(position, length):
    position += 1
    return torch.arange(length) < position[:, None]
