"""Reads at most 32 tokens of a page, as a tile of a kernel would hold."""

import torch

CHECK = "places that nobody fills"


def paged_attention(q, key_pages, value_pages, tables, lengths):
    batch, heads, size = q.shape
    page = key_pages.shape[1]
    out = torch.zeros_like(q)
    for row in range(batch):
        scaled = q[row].float()[:, None] * size**-0.5
        state = nothing_seen(heads, 1, size, q.device)
        length = int(lengths[row])
        for start in range(0, length, page):
            number, _ = place(tables[row], start, page)
            filled = min(page, length - start, 32)
            keys = key_pages[number, :filled].float().transpose(0, 1)
            values = value_pages[number, :filled].float().transpose(0, 1)
            state = absorb(state, scaled @ keys.transpose(1, 2), values)
        out[row] = finish(state, q.dtype)[:, 0]
    return out
