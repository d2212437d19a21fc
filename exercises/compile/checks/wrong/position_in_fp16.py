"""The place to write is counted in fp16."""

HINT = "counted in too few bits"


def update(cache, k, v, position):
    place = position.half().long()
    for old, new in zip(cache, (k, v), strict=True):
        old.index_copy_(2, place, new)
