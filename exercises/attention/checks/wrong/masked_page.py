"""Reads the last page to its end, and masks what is behind the length."""

import torch

HINT = "0 * nan is nan"


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
            keys = key_pages[number].float().transpose(0, 1)
            values = value_pages[number].float().transpose(0, 1)
            behind = torch.arange(start, start + page) >= length
            scores = (scaled @ keys.transpose(1, 2)).masked_fill(behind, float("-inf"))
            state = absorb(state, scores, values)
        out[row] = finish(state, q.dtype)[:, 0]
    return out
