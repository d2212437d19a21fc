"""A batch rounded up."""

HINT = "part of a sequence"


def largest_batch(memory_gb, weights_gb, kv_gb_per_sequence):
    return max(0, round((memory_gb - weights_gb) / kv_gb_per_sequence + 0.45))
