"""What fits the memory, less what the weights displace, each rounded."""

import math

HINT = "round once"


def largest_batch(memory_gb, weights_gb, kv_gb_per_sequence):
    displaced = math.ceil(weights_gb / kv_gb_per_sequence)
    return max(0, math.floor(memory_gb / kv_gb_per_sequence) - displaced)
