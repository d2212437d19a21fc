"""The part is transposed."""

HINT = "is transposed when it is used"


def column_part(weight, rank, ranks):
    start, stop = share(weight.shape[0], rank, ranks)
    return weight[start:stop].T.clone()
