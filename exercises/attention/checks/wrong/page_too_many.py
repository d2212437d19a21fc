"""One page more, where the last is full."""

import torch

HINT = "behind them means nothing"


def paged_attention(q, key_pages, value_pages, tables, lengths):
    batch, heads, size = q.shape
    page = key_pages.shape[1]
    out = torch.zeros_like(q)
    for row in range(batch):
        scaled = q[row].float()[:, None] * size**-0.5
        state = nothing_seen(heads, 1, size, q.device)
        length = int(lengths[row])
        for start in range(0, length + 1, page):
            number = int(tables[row, min(start // page, tables.shape[1] - 1)])
            filled = min(page, length - start) or page
            keys = key_pages[number, :filled].float().transpose(0, 1)
            values = value_pages[number, :filled].float().transpose(0, 1)
            state = absorb(state, scaled @ keys.transpose(1, 2), values)
        out[row] = finish(state, q.dtype)[:, 0]
    return out
