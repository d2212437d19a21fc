"""All pages are gathered first."""

import torch

HINT = "gathered"


def paged_attention(q, key_pages, value_pages, tables, lengths):
    batch, _heads, size = q.shape
    page = key_pages.shape[1]
    out = torch.zeros_like(q)
    for row in range(batch):
        length = int(lengths[row])
        if not length:
            continue
        used = tables[row, : -(-length // page)]
        keys = key_pages[used].flatten(0, 1)[:length].float().transpose(0, 1)
        values = value_pages[used].flatten(0, 1)[:length].float().transpose(0, 1)
        scores = q[row].float()[:, None] @ keys.transpose(1, 2) * size**-0.5
        out[row] = (torch.softmax(scores, dim=-1) @ values)[:, 0].to(q.dtype)
    return out
