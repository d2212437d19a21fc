"""A value is taken for fp32 or for int8, whatever its bytes are said to be."""

CHECK = "one thing changed at a time"


def kv_cache_bytes(layers, kv_heads, head_dim, tokens, batch, bytes_per_value):
    width = 1 if bytes_per_value == 1 else 4
    return 2 * layers * kv_heads * head_dim * tokens * batch * width
