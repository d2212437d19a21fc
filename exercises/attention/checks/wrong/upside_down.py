"""Rescaled by exp(new - old)."""

import torch

HINT = "rescaled the wrong way"


def absorb(state, scores, values):
    old, total, mixed = state
    largest = torch.maximum(old, scores.amax(dim=-1))
    reference = torch.where(largest.isinf(), torch.zeros_like(largest), largest)
    kept = torch.where(old.isinf(), torch.zeros_like(old), torch.exp(reference - old))
    weights = torch.exp(scores - reference[:, :, None])
    total = total * kept + weights.sum(dim=-1)
    return largest, total, mixed * kept[:, :, None] + weights @ values
