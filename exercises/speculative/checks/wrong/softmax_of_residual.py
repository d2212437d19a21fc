"""A softmax of what p has more."""

import torch

HINT = "without softmax"


def residual(p, q):
    return torch.softmax((p - q).clamp(min=0), -1)
