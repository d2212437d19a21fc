"""Heads dealt out like cards."""

HINT = "neighbouring heads"


_layer_part = layer_part


def layer_part(weights, heads, kv_heads, rank, ranks):
    part = _layer_part(weights, heads, kv_heads, rank, ranks)
    size = weights["q"].shape[0] // heads
    part["q"] = weights["q"].unflatten(0, (heads, size))[rank::ranks].flatten(0, 1).clone()
    return part
