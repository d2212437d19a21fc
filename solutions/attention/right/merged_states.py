# Each block is a state of its own, and merge puts them together; pages of all sequences at once.
import torch


def block_state(scores, values):
    largest = scores.amax(-1)
    weights = (scores - largest.clamp(min=-1e30)[..., None]).exp()
    return largest, weights.sum(-1), torch.bmm(weights, values)


def absorb(state, scores, values):
    return merge(state, block_state(scores, values))


def merge(one, other):
    largest = torch.maximum(one[0], other[0])
    safe = largest.clamp(min=-1e30)
    a, b = (one[0] - safe).exp(), (other[0] - safe).exp()
    return largest, one[1] * a + other[1] * b, one[2] * a[..., None] + other[2] * b[..., None]


def paged_attention(q, key_pages, value_pages, tables, lengths):
    batch, heads, size = q.shape
    page, rows = key_pages.shape[1], batch * heads
    state = nothing_seen(rows, 1, size, q.device)
    scaled = (q.float() / size**0.5).reshape(rows, 1, size)
    for i in range(-(-int(lengths.max()) // page)):
        left = (lengths - i * page).clamp(0, page)
        keys = torch.zeros(batch, page, heads, size)
        values = torch.zeros(batch, page, heads, size)
        for row in (left > 0).nonzero().flatten().tolist():
            n = int(left[row])
            keys[row, :n] = key_pages[tables[row, i], :n].float()
            values[row, :n] = value_pages[tables[row, i], :n].float()
        hidden = torch.arange(page) >= left[:, None]
        scores = scaled @ keys.permute(0, 2, 3, 1).reshape(rows, size, page)
        scores = scores.view(batch, heads, page).masked_fill(hidden[:, None], float("-inf"))
        values = values.transpose(1, 2).reshape(rows, page, size)
        state = absorb(state, scores.view(rows, 1, page), values)
    return finish(state, q.dtype).view(batch, heads, size)
