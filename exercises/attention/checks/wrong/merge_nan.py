"""-inf minus -inf, where neither has seen anything."""

import torch

HINT = "-inf - -inf is nan"


def merge(one, other):
    largest = torch.maximum(one[0], other[0])
    first, second = torch.exp(one[0] - largest), torch.exp(other[0] - largest)
    total = one[1] * first + other[1] * second
    return largest, total, one[2] * first[:, :, None] + other[2] * second[:, :, None]
