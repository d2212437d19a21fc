HINT = "more is kept elsewhere"
WHOLE = {}
their_part = layer_part


def layer_part(weights, heads, kv_heads, rank, ranks):
    WHOLE.update(weights)
    return their_part(weights, heads, kv_heads, rank, ranks)
