"""The scores of all blocks are made first, then absorbed."""

import torch

HINT = "many are kept"


def attention(q, k, v, block, window=None):
    heads, queries, size = q.shape
    keys = k.shape[1]
    at = torch.arange(keys - queries, keys)[:, None]
    blocks = []
    for start in range(0, keys, block):
        places = torch.arange(start, min(start + block, keys))
        seen = (places <= at) & (places > at - (window or keys))
        scores = q.float() * size**-0.5 @ k[:, start : start + block].float().transpose(1, 2)
        blocks.append((scores.masked_fill(~seen, float("-inf")), v[:, start : start + block]))
    state = nothing_seen(heads, queries, size, q.device)
    for scores, values in blocks:
        state = absorb(state, scores, values.float())
    return finish(state, q.dtype)
