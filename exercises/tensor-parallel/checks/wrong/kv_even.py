"""Key heads shared out evenly, where there are fewer than ranks."""

HINT = "several ranks need the same one"


def kv_share(heads, kv_heads, rank, ranks):
    return share(kv_heads, rank, ranks)
