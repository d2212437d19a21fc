# numpy throughout: its scalars come back.
import numpy as np


def weight_bytes(parameters, bits):
    return np.float64(parameters) * bits / 8


def kv_cache_bytes(layers, kv_heads, head_dim, tokens, batch, bytes_per_value):
    return np.prod([2, layers, kv_heads, head_dim, tokens, batch, bytes_per_value], dtype=np.int64)


def token_flops(parameters):
    return np.int64(parameters) << 1


def decode_floor_ms(bytes_read, bandwidth):
    return np.float64(bytes_read) / bandwidth / 1e6


def mbu(parameters, bytes_per_parameter, tokens_per_second, bandwidth):
    return np.divide(parameters * bytes_per_parameter * tokens_per_second, bandwidth * 1e9)


def largest_batch(memory_gb, weights_gb, kv_gb_per_sequence):
    return np.maximum(0, np.floor((memory_gb - weights_gb) / kv_gb_per_sequence)).astype(int)
