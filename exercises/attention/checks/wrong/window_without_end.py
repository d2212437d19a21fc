"""With a window, the mask knows its lower end alone."""

import torch

HINT = "what comes after it"


def attention(q, k, v, block, window=None):
    heads, queries, size = q.shape
    keys = k.shape[1]
    at = torch.arange(keys - queries, keys)[:, None]
    state = nothing_seen(heads, queries, size, q.device)
    for start in range(0, keys, block):
        places = torch.arange(start, min(start + block, keys))
        seen = places <= at if window is None else places > at - window
        scores = q.float() * size**-0.5 @ k[:, start : start + block].float().transpose(1, 2)
        scores = scores.masked_fill(~seen, float("-inf"))
        state = absorb(state, scores, v[:, start : start + block].float())
    return finish(state, q.dtype)
