"""A state of one's own in attention, from which nothing is subtracted."""

import torch

HINT = "exp of a large one is inf"


def attention(q, k, v, block, window=None):
    keys, queries = k.shape[1], q.shape[1]
    at = torch.arange(keys - queries, keys)[:, None]
    total, mixed = 0, 0
    for start in range(0, keys, block):
        places = torch.arange(start, min(start + block, keys))
        seen = (places <= at) & (places > at - (window or keys))
        part = slice(start, start + block)
        scores = q.float() * q.shape[2] ** -0.5 @ k[:, part].float().transpose(1, 2)
        weights = torch.exp(scores) * seen
        total, mixed = total + weights.sum(-1), mixed + weights @ v[:, part].float()
    return (mixed / total[:, :, None]).to(q.dtype)
