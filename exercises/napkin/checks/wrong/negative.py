"""A negative batch."""

HINT = "stop at 0"


def largest_batch(memory_gb, weights_gb, kv_gb_per_sequence):
    return int((memory_gb - weights_gb) // kv_gb_per_sequence)
