"""As torch.chunk does: every rank takes the size rounded up, while there is any."""

HINT = "rounding up"


def share(size, rank, ranks):
    each = -(-size // ranks)
    return min(size, rank * each), min(size, (rank + 1) * each)
