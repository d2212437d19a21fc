"""k and v as views."""

HINT = "a slice is a view"


_layer_part = layer_part


def layer_part(weights, heads, kv_heads, rank, ranks):
    part = _layer_part(weights, heads, kv_heads, rank, ranks)
    size = weights["q"].shape[0] // heads
    start, stop = (head * size for head in kv_share(heads, kv_heads, rank, ranks))
    part["k"], part["v"] = weights["k"][start:stop], weights["v"][start:stop]
    return part
