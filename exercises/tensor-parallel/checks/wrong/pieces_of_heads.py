"""Each rank has a piece of every head."""

HINT = "piece of EVERY head"


_layer_part = layer_part


def layer_part(weights, heads, kv_heads, rank, ranks):
    part = _layer_part(weights, heads, kv_heads, rank, ranks)
    size = weights["q"].shape[0] // heads
    start, stop = share(size, rank, ranks)
    part["q"] = weights["q"].unflatten(0, (heads, size))[:, start:stop].flatten(0, 1).clone()
    return part
