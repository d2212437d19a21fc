"""Everything in the dtype that comes in."""

import torch

HINT = "keep the state in fp32"


def attention(q, k, v, block, window=None):
    heads, queries, size = q.shape
    keys = k.shape[1]
    scaled = q * size**-0.5
    at = torch.arange(keys - queries, keys)[:, None]
    state = tuple(one.to(q.dtype) for one in nothing_seen(heads, queries, size, q.device))
    for start in range(0, keys, block):
        stop = min(start + block, keys)
        other = torch.arange(start, stop)
        seen = other <= at
        if window is not None:
            seen &= other > at - window
        scores = scaled @ k[:, start:stop].transpose(1, 2)
        scores = scores.masked_fill(~seen, float("-inf"))
        state = absorb(state, scores, v[:, start:stop])
    state = tuple(one.float() for one in state)
    return finish(state, q.dtype)
