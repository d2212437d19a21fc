"""Values are never written."""

HINT = "values are not written"


def update(cache, k, v, position):
    cache[0].index_copy_(2, position, k)
