"""A slice, which keeps the whole."""

HINT = "a slice is a view"


def row_part(weight, rank, ranks):
    start, stop = share(weight.shape[1], rank, ranks)
    return weight[:, start:stop]
