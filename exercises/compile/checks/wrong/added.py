"""Added to what an earlier text left there."""

HINT = "do not add"


def update(cache, k, v, position):
    keys, values = cache
    keys.index_add_(2, position, k)
    values.index_add_(2, position, v)
