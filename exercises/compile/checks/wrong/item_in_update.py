"""The place to write is asked for at every step."""

HINT = "keep position a tensor"


def update(cache, k, v, position):
    keys, values = cache
    place = position.item()
    keys[:, :, place : place + 1] = k
    values[:, :, place : place + 1] = v
