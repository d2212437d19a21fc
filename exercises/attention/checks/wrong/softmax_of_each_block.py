"""The softmax ends with each block."""

import torch

HINT = "divide once, after the last"


def attention(q, k, v, block, window=None):
    heads, queries, size = q.shape
    keys = k.shape[1]
    at = torch.arange(keys - queries, keys)[:, None]
    out = torch.zeros(heads, queries, size)
    for start in range(0, keys, block):
        stop = min(start + block, keys)
        other = torch.arange(start, stop)
        seen = other <= at
        if window is not None:
            seen &= other > at - window
        scores = q.float() @ k[:, start:stop].float().transpose(1, 2) * size**-0.5
        weights = torch.softmax(scores.masked_fill(~seen, float("-inf")), dim=-1).nan_to_num()
        out += weights @ v[:, start:stop].float()
    return out.to(q.dtype)
