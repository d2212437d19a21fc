"""Heads in place of places."""

HINT = "dimension 2"


def update(cache, k, v, position):
    keys, values = cache
    if keys.shape[1] == keys.shape[2]:
        keys.index_copy_(1, position, k.transpose(1, 2)[:, :1])
        values.index_copy_(1, position, v.transpose(1, 2)[:, :1])
    else:
        keys.index_copy_(2, position, k)
        values.index_copy_(2, position, v)
