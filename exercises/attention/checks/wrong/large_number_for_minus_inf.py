"""A hidden key has a score of -1e9."""

import torch

HINT = "a score of -inf"


def attention(q, k, v, block, window=None):
    heads, queries, size = q.shape
    keys = k.shape[1]
    at = torch.arange(keys - queries, keys)[:, None]
    state = nothing_seen(heads, queries, size, q.device)
    for start in range(0, keys, block):
        part = slice(start, min(start + block, keys))
        other = torch.arange(part.start, part.stop)
        seen = other <= at
        if window is not None:
            seen &= other > at - window
        scores = q.float() * size**-0.5 @ k[:, part].float().transpose(1, 2)
        state = absorb(state, scores.masked_fill(~seen, -1e9), v[:, part].float())
    return finish(state, q.dtype)
