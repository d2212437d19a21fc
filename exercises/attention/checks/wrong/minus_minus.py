"""-inf minus -inf."""

import torch

HINT = "-inf - -inf is nan"


def absorb(state, scores, values):
    old, total, mixed = state
    largest = torch.maximum(old, scores.amax(dim=-1))
    torch.where(largest.isinf(), torch.zeros_like(largest), largest)
    kept = torch.exp(old - largest)
    weights = torch.exp(scores - largest[:, :, None])
    total = total * kept + weights.sum(dim=-1)
    return largest, total, mixed * kept[:, :, None] + weights @ values
