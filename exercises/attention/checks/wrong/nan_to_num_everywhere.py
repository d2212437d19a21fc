"""nan_to_num over the whole state, the largest score too."""

import torch

HINT = "nan_to_num makes it a number"


def absorb(state, scores, values):
    old, total, mixed = state
    largest = torch.maximum(old, scores.amax(dim=-1))
    kept = torch.exp(old - largest)
    weights = torch.exp(scores - largest[:, :, None])
    total = total * kept + weights.sum(-1)
    mixed = mixed * kept[:, :, None] + weights @ values
    return largest.nan_to_num(), total.nan_to_num(), mixed.nan_to_num()
