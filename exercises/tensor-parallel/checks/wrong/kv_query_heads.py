"""Query heads in place of key heads."""

HINT = "these are its query heads"


def kv_share(heads, kv_heads, rank, ranks):
    return share(heads, rank, ranks)
