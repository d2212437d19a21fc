"""index_copy without the underscore gives a new tensor."""

HINT = "lost when it returns"


def update(cache, k, v, position):
    keys, values = cache
    keys.index_copy(2, position, k)
    values.index_copy(2, position, v)
