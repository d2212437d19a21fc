"""One fewer than fits, where the sequences fill the memory to the last byte."""

import math

HINT = "to the last byte"


def largest_batch(memory_gb, weights_gb, kv_gb_per_sequence):
    return max(0, math.ceil((memory_gb - weights_gb) / kv_gb_per_sequence) - 1)
