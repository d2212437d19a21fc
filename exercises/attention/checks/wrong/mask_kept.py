HINT = "kept from call to call"
MASKS = {}


def attention(q, k, v, block, window=None):
    heads, queries, size = q.shape
    keys = k.shape[1]
    if (queries, block) not in MASKS:
        at = torch.arange(keys - queries, keys)[:, None]
        MASKS[queries, block] = [
            torch.arange(a, min(a + block, keys)) <= at for a in range(0, keys, block)
        ]
    state = nothing_seen(heads, queries, size, q.device)
    for number, start in enumerate(range(0, keys, block)):
        part = slice(start, start + block)
        seen = MASKS[queries, block][min(number, len(MASKS[queries, block]) - 1)]
        scores = q.float() * size**-0.5 @ k[:, part].float().transpose(1, 2)
        seen = seen[:, : scores.shape[2]]
        if seen.shape[1] < scores.shape[2]:
            seen = torch.ones(scores.shape[1:], dtype=torch.bool)
        state = absorb(state, scores.masked_fill(~seen, float("-inf")), v[:, part].float())
    return finish(state, q.dtype)
