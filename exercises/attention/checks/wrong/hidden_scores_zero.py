"""Hidden scores become 0, so that no nan comes up."""

import torch

HINT = "-inf, not 0"


def absorb(state, scores, values):
    scores = torch.where(scores.isinf(), torch.zeros_like(scores), scores)
    old, total, mixed = state
    largest = torch.maximum(old, scores.amax(dim=-1))
    kept = torch.exp(old - largest)
    weights = torch.exp(scores - largest[:, :, None])
    return largest, total * kept + weights.sum(-1), mixed * kept[:, :, None] + weights @ values
