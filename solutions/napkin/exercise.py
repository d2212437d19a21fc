"""The napkin, solved."""


def weight_bytes(parameters: int, bits: int) -> float:
    return parameters * bits / 8


def kv_cache_bytes(
    layers: int, kv_heads: int, head_dim: int, tokens: int, batch: int, bytes_per_value: int
) -> int:
    return 2 * layers * kv_heads * head_dim * tokens * batch * bytes_per_value  # 2: keys, values


def token_flops(parameters: int) -> float:
    return 2 * parameters  # a multiplication and an addition with each


def decode_floor_ms(bytes_read: float, bandwidth: float) -> float:
    return bytes_read / (bandwidth * 1e9) * 1e3


def mbu(
    parameters: int, bytes_per_parameter: float, tokens_per_second: float, bandwidth: float
) -> float:
    return parameters * bytes_per_parameter * tokens_per_second / (bandwidth * 1e9)


def largest_batch(memory_gb: float, weights_gb: float, kv_gb_per_sequence: float) -> int:
    return max(0, int((memory_gb - weights_gb) // kv_gb_per_sequence))
