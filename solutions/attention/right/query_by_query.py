# Each head and query by itself, in Python numbers and fp64, over the blocks that it sees.
import math

import torch


def attention(q, k, v, block, window=None):
    heads, queries, size = q.shape
    keys = k.shape[1]
    out = torch.empty_like(q)
    for h in range(heads):
        for t in range(queries):
            last = keys - queries + t
            first = 0 if window is None else max(0, last - window + 1)
            largest, total, mixed = -math.inf, 0.0, torch.zeros(size, dtype=torch.float64)
            for start in range(first - first % block, last + 1, block):
                a, b = max(start, first), min(start + block, last + 1)
                s = k[h, a:b].double() @ q[h, t].double() / math.sqrt(size)
                new = max(largest, float(s.max()))
                w = torch.exp(s - new)
                kept = math.exp(largest - new)
                total = total * kept + float(w.sum())
                mixed = mixed * kept + w @ v[h, a:b].double()
                largest = new
            out[h, t] = (mixed / total).to(q.dtype)
    return out


def absorb(state, scores, values):
    old, total, mixed = state
    largest = torch.max(torch.cat([old[..., None], scores], -1), -1).values
    kept = torch.exp(old - largest).nan_to_num(0)
    weights = torch.exp(scores - largest[..., None]).nan_to_num(0)
    return largest, kept * total + weights.sum(2), kept[..., None] * mixed + weights @ values
