"""The key pages are read twice."""

import torch

HINT = "in value_pages"


def paged_attention(q, key_pages, value_pages, tables, lengths):
    out = torch.zeros_like(q)
    page = key_pages.shape[1]
    for row, length in enumerate(lengths.tolist()):
        state = nothing_seen(q.shape[1], 1, q.shape[2], q.device)
        for start in range(0, length, page):
            number, filled = int(tables[row, start // page]), min(page, length - start)
            keys = key_pages[number, :filled].float().transpose(0, 1)
            scores = q[row].float()[:, None] * q.shape[2] ** -0.5 @ keys.transpose(1, 2)
            state = absorb(state, scores, keys)
        out[row] = finish(state, q.dtype)[:, 0]
    return out
