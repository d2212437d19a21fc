"""One largest score for all heads and queries."""

import torch

HINT = "largest score of its own"


def absorb(state, scores, values):
    old, total, mixed = state
    largest = torch.maximum(old, scores.max().expand_as(old))
    kept, weights = torch.exp(old - largest), torch.exp(scores - largest[:, :, None])
    return (
        largest,
        total * kept + weights.sum(dim=-1),
        mixed * kept[:, :, None] + weights @ values,
    )
