"""Divided by total at every block."""

import torch

HINT = "divide once, at the very end"


def absorb(state, scores, values):
    old, total, mixed = state
    largest = torch.maximum(old, scores.amax(dim=-1))
    reference = torch.where(largest.isinf(), torch.zeros_like(largest), largest)
    kept = torch.exp(old - reference)
    weights = torch.exp(scores - reference[:, :, None])
    total = total * kept + weights.sum(dim=-1)
    mixed = mixed * kept[:, :, None] + weights @ values
    return largest, total, mixed / total.clamp(min=1e-30)[:, :, None]
