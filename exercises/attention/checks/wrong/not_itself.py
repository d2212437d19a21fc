"""A query does not see itself."""

import torch

HINT = "sees itself too"


def attention(q, k, v, block, window=None):
    heads, queries, size = q.shape
    keys = k.shape[1]
    scaled = q.float() * size**-0.5
    at = torch.arange(keys - queries, keys)[:, None]
    state = nothing_seen(heads, queries, size, q.device)
    for start in range(0, keys, block):
        stop = min(start + block, keys)
        other = torch.arange(start, stop)
        seen = other < at
        if window is not None:
            seen &= other > at - window
        scores = scaled @ k[:, start:stop].float().transpose(1, 2)
        scores = scores.masked_fill(~seen, float("-inf"))
        state = absorb(state, scores, v[:, start:stop].float())
    return finish(state, q.dtype)
