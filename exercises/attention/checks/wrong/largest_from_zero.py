"""The largest score begins at 0."""

import torch

HINT = "not at 0"


def absorb(state, scores, values):
    old, total, mixed = state
    largest = torch.maximum(old, scores.amax(dim=-1)).clamp(min=0)
    kept, weights = torch.exp(old - largest), torch.exp(scores - largest[:, :, None])
    return (
        largest,
        total * kept + weights.sum(dim=-1),
        mixed * kept[:, :, None] + weights @ values,
    )
