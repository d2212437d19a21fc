"""The last page has length % P tokens, which is 0 where it is full."""

import torch

HINT = "length % P is 0 there"


def paged_attention(q, key_pages, value_pages, tables, lengths):
    batch, heads, size = q.shape
    page = key_pages.shape[1]
    out = torch.zeros_like(q)
    for row in range(batch):
        scaled = q[row].float()[:, None] * size**-0.5
        state = nothing_seen(heads, 1, size, q.device)
        length = int(lengths[row])
        count = -(-length // page)
        for i in range(count):
            filled = page if i < count - 1 else length % page
            if not filled:
                continue
            number = int(tables[row, i])
            keys = key_pages[number, :filled].float().transpose(0, 1)
            values = value_pages[number, :filled].float().transpose(0, 1)
            state = absorb(state, scaled @ keys.transpose(1, 2), values)
        out[row] = finish(state, q.dtype)[:, 0]
    return out
