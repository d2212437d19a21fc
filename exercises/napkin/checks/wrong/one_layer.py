"""Layers forgotten."""

HINT = "every layer"


def kv_cache_bytes(layers, kv_heads, head_dim, tokens, batch, bytes_per_value):
    return 2 * kv_heads * head_dim * tokens * batch * bytes_per_value
