"""The weights need no room."""

HINT = "same memory"


def largest_batch(memory_gb, weights_gb, kv_gb_per_sequence):
    return int(memory_gb // kv_gb_per_sequence)
