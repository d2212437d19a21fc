"""Neither sum is rescaled."""

import torch

HINT = "neither sum is rescaled"


def absorb(state, scores, values):
    old, total, mixed = state
    largest = torch.maximum(old, scores.amax(dim=-1))
    reference = torch.where(largest.isinf(), torch.zeros_like(largest), largest)
    weights = torch.exp(scores - reference[:, :, None])
    return largest, total + weights.sum(dim=-1), mixed + weights @ values
