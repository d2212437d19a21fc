"""What was summed before is lost."""

import torch

HINT = "summed before is lost"


def absorb(state, scores, values):
    old, _total, _mixed = state
    largest = torch.maximum(old, scores.amax(dim=-1))
    reference = torch.where(largest.isinf(), torch.zeros_like(largest), largest)
    weights = torch.exp(scores - reference[:, :, None])
    return largest, weights.sum(dim=-1), weights @ values
