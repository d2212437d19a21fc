"""What may be seen is False."""

import torch

HINT = "upside down"


def mask(position, length):
    return torch.arange(length) > position[:, None]
