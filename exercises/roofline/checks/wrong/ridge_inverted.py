"""Bytes for each operation."""

HINT = "peak over bandwidth"


def ridge(peak, bandwidth):
    return bandwidth / peak
