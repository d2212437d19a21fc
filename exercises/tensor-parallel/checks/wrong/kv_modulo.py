"""Key heads dealt out like cards."""

HINT = "h // group"


def kv_share(heads, kv_heads, rank, ranks):
    each = max(1, kv_heads // ranks)
    first = rank * each % kv_heads if each > 1 else rank % kv_heads
    return first, first + each
