"""One sequence, where there is room for a part of one."""

HINT = "not even one sequence fits"


def largest_batch(memory_gb, weights_gb, kv_gb_per_sequence):
    if weights_gb > memory_gb:
        return 0
    return max(1, int((memory_gb - weights_gb) / kv_gb_per_sequence))
