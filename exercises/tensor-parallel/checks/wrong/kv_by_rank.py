"""rank // kv_heads, where several ranks share a key head."""

HINT = "rank // (ranks // kv_heads)"


def kv_share(heads, kv_heads, rank, ranks):
    if kv_heads >= ranks:
        return share(kv_heads, rank, ranks)
    return rank // kv_heads, rank // kv_heads + 1
