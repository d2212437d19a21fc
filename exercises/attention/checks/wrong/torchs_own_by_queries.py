"""torch's attention, a query at a time, in three dimensions."""

import torch
import torch.nn.functional as F

HINT = "the function to be written"


def attention(q, k, v, block, window=None):
    keys, queries = k.shape[1], q.shape[1]
    out = []
    for i in range(queries):
        place = keys - queries + i
        first = 0 if window is None else max(0, place - window + 1)
        seen = slice(first, place + 1)
        own = q[:, i : i + 1].float()
        out.append(F.scaled_dot_product_attention(own, k[:, seen].float(), v[:, seen].float()))
    return torch.cat(out, 1).to(q.dtype)
