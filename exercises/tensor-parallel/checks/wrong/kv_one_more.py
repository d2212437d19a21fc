"""One key head too many where a group ends with the rank's heads."""

HINT = "stop - 1"


def kv_share(heads, kv_heads, rank, ranks):
    start, stop = share(heads, rank, ranks)
    return start // (heads // kv_heads), stop // (heads // kv_heads) + 1
