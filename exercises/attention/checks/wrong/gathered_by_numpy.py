"""All pages are gathered first, by way of numpy."""

import numpy as np
import torch

HINT = "read them one after another"


def paged_attention(q, key_pages, value_pages, tables, lengths):
    out = torch.zeros_like(q)
    page = key_pages.shape[1]
    for row, length in enumerate(lengths.tolist()):
        if not length:
            continue
        used = tables[row, : -(-length // page)].tolist()
        keys, values = (
            np.concatenate([pool[number].float().numpy() for number in used])[:length]
            for pool in (key_pages, value_pages)
        )
        scores = np.einsum("hd,nhd->hn", q[row].float().numpy(), keys) * q.shape[2] ** -0.5
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("hn,nhd->hd", weights / weights.sum(-1, keepdims=True), values)
        out[row] = torch.from_numpy(mixed).to(q.dtype)
    return out
