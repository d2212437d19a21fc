"""Sequences are counted one by one, up to a thousand."""

CHECK = "the memory of a whole cluster"


def largest_batch(memory_gb, weights_gb, kv_gb_per_sequence):
    fitting = [n for n in range(1001) if weights_gb + n * kv_gb_per_sequence <= memory_gb]
    return max(fitting, default=0)
