# From the last block to the first; pages, too; einsum; the table is asked by take.
import torch


def attention(q, k, v, block, window=None):
    heads, queries, size = q.shape
    keys = k.shape[1]
    state = nothing_seen(heads, queries, size, q.device)
    position = torch.arange(queries)[:, None] + keys - queries
    for start in reversed(range(0, keys, block)):
        kk, vv = k[:, start : start + block].float(), v[:, start : start + block].float()
        scores = torch.einsum("htd,hnd->htn", q.float(), kk).div(size**0.5)
        j = start + torch.arange(kk.shape[1])[None]
        hidden = j > position if window is None else (j > position) | (j <= position - window)
        scores[hidden.expand_as(scores)] = float("-inf")
        state = absorb(state, scores, vv)
    return finish(state, q.dtype)


def place(table, position, page):
    whole, rest = divmod(position, page)
    return table.take(torch.tensor(whole)).item(), rest


def paged_attention(q, key_pages, value_pages, tables, lengths):
    out = q.new_zeros(q.shape)
    for row, length in enumerate(lengths.tolist()):
        page = key_pages.shape[1]
        own = q[row].float().unsqueeze(1) / q.shape[2] ** 0.5
        state = nothing_seen(q.shape[1], 1, q.shape[2], q.device)
        for last in range(length - 1, -1, -1):
            if last != length - 1 and last % page != page - 1:
                continue
            number, slot = place(tables[row], last, page)
            keys = key_pages[number, : slot + 1].float().permute(1, 2, 0)
            values = value_pages[number, : slot + 1].float().permute(1, 0, 2)
            state = absorb(state, own @ keys, values)
        if length:
            out[row] = (state[2] / state[1].unsqueeze(2)).squeeze(1)
    return out
