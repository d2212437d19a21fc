"""Written one place too far."""

HINT = "nothing needs to be added"


def update(cache, k, v, position):
    keys, values = cache
    place = (position + 1) % keys.shape[2]
    keys.index_copy_(2, place, k)
    values.index_copy_(2, place, v)
