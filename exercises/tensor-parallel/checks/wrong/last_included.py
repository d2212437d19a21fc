"""The last one of the share in place of the one after it."""

HINT = "NOT this rank's"


def share(size, rank, ranks):
    return size * rank // ranks, size * (rank + 1) // ranks - 1
