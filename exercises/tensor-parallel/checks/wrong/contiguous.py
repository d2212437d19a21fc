"""contiguous() copies no rows."""

HINT = "does not copy rows"


def column_part(weight, rank, ranks):
    start, stop = share(weight.shape[0], rank, ranks)
    return weight[start:stop].contiguous()
