"""exp of the scores as they are."""

import torch

HINT = "nothing is subtracted"


def absorb(state, scores, values):
    old, total, mixed = state
    largest = torch.maximum(old, scores.amax(dim=-1))
    torch.where(largest.isinf(), torch.zeros_like(largest), largest)
    weights = torch.exp(scores)
    return largest, total + weights.sum(dim=-1), mixed + weights @ values
