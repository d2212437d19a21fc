"""All scores, at once."""

import torch

HINT = "T * S is what this is to do without"


def attention(q, k, v, block, window=None):
    _heads, queries, size = q.shape
    keys = k.shape[1]
    at = torch.arange(keys - queries, keys)[:, None]
    other = torch.arange(keys)
    seen = other <= at
    if window is not None:
        seen &= other > at - window

    scores = q.float() @ k.float().transpose(1, 2) * size**-0.5
    weights = torch.softmax(scores.masked_fill(~seen, float("-inf")), dim=-1)
    return (weights @ v.float()).to(q.dtype)
