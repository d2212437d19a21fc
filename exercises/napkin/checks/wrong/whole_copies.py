"""Each sequence with a copy of the weights."""

HINT = "once, whatever the batch"


def largest_batch(memory_gb, weights_gb, kv_gb_per_sequence):
    return int(memory_gb // (weights_gb + kv_gb_per_sequence))
