"""The last rank takes all that is left over."""

HINT = "spread it"


def share(size, rank, ranks):
    each = size // ranks
    return rank * each, size if rank == ranks - 1 else (rank + 1) * each
