"""How many in place of where it stops."""

HINT = "not how many"


def share(size, rank, ranks):
    start = size * rank // ranks
    return start, size * (rank + 1) // ranks - start
