"""One key/value head for all."""

HINT = "every key/value head"


def kv_cache_bytes(layers, kv_heads, head_dim, tokens, batch, bytes_per_value):
    return 2 * layers * head_dim * tokens * batch * bytes_per_value
