# Shifts and whole numbers; a float where an int would do; GB/s and ms cancel to 1e6.
def weight_bytes(parameters, bits):
    return (parameters * bits) >> 3


def decode_floor_ms(bytes_read, bandwidth):
    return bytes_read / bandwidth / 1e6


def largest_batch(memory_gb, weights_gb, kv_gb_per_sequence):
    fitting = (memory_gb - weights_gb) / kv_gb_per_sequence
    return float(int(fitting)) if fitting > 0 else 0.0
