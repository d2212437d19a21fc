"""Writes into the state that it is given."""

import torch

HINT = "absorb changes the state"


def absorb(state, scores, values):
    old, total, mixed = state
    largest = torch.maximum(old, scores.amax(dim=-1))
    reference = torch.where(largest.isinf(), torch.zeros_like(largest), largest)
    kept = torch.exp(old - reference)
    weights = torch.exp(scores - reference[:, :, None])
    total *= kept
    total += weights.sum(dim=-1)
    mixed *= kept[:, :, None]
    mixed += weights @ values
    return largest, total, mixed
