"""Values forgotten."""

HINT = "keys and values"


def kv_cache_bytes(layers, kv_heads, head_dim, tokens, batch, bytes_per_value):
    return layers * kv_heads * head_dim * tokens * batch * bytes_per_value
