"""k and v whole on every rank."""

HINT = "that is the whole weight"


_layer_part = layer_part


def layer_part(weights, heads, kv_heads, rank, ranks):
    part = _layer_part(weights, heads, kv_heads, rank, ranks)
    part["k"], part["v"] = weights["k"].clone(), weights["v"].clone()
    return part
