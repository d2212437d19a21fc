"""What is left over is lost."""

HINT = "nobody's"


def share(size, rank, ranks):
    each = size // ranks
    return rank * each, (rank + 1) * each
