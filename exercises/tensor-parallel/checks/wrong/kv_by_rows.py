"""k and v cut evenly by rows, through the middle of a head."""

HINT = "by whole heads"


_layer_part = layer_part


def layer_part(weights, heads, kv_heads, rank, ranks):
    part = _layer_part(weights, heads, kv_heads, rank, ranks)
    for name in ("k", "v"):
        part[name] = column_part(weights[name], rank, ranks)
    return part
