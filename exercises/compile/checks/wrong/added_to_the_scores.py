"""0 and -inf, to be added to the scores."""

import torch

HINT = "True and False are asked for"


def mask(position, length):
    hidden = torch.arange(length) > position[:, None]
    return torch.zeros(1, length).masked_fill(hidden, float("-inf"))
