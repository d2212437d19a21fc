"""The napkin: what a token must cost, from five numbers of the model and two of the machine.

1 GB is 1e9 bytes, and bandwidths are given in GB/s.
"""


def weight_bytes(parameters: int, bits: int) -> float:
    """Bytes that the weights take.

    Args:
        parameters: how many there are.
        bits: of each: 16 for bf16, 8, or 4.
    """
    raise NotImplementedError


def kv_cache_bytes(
    layers: int, kv_heads: int, head_dim: int, tokens: int, batch: int, bytes_per_value: int
) -> int:
    """Bytes of the keys and values of ``batch`` sequences of ``tokens`` tokens.

    Args:
        kv_heads: heads that have keys and values; fewer than query heads under GQA.
        head_dim: numbers in one key, and in one value.
    """
    raise NotImplementedError


def token_flops(parameters: int) -> float:
    """Floating point operations of the matrix products for one token; attention is left out."""
    raise NotImplementedError


def decode_floor_ms(bytes_read: float, bandwidth: float) -> float:
    """The least time of a decode step, in milliseconds.

    Args:
        bytes_read: that the step must read.
        bandwidth: of the memory, in GB/s.
    """
    raise NotImplementedError


def mbu(
    parameters: int, bytes_per_parameter: float, tokens_per_second: float, bandwidth: float
) -> float:
    """Model bandwidth utilisation: the share of ``bandwidth`` (GB/s) that decode reads weights at.

    0.5 is half of the bandwidth.
    """
    raise NotImplementedError


def largest_batch(memory_gb: float, weights_gb: float, kv_gb_per_sequence: float) -> int:
    """How many whole sequences fit beside the weights, to the last byte; 0 where none does."""
    raise NotImplementedError
