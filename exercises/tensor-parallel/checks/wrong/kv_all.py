"""All key heads on every rank."""

HINT = "those are all key/value heads"


def kv_share(heads, kv_heads, rank, ranks):
    return 0, kv_heads
