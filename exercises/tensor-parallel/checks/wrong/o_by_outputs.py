"""o cut by outputs, like q."""

HINT = "row-parallel cuts the inputs"


_layer_part = layer_part


def layer_part(weights, heads, kv_heads, rank, ranks):
    part = _layer_part(weights, heads, kv_heads, rank, ranks)
    part["o"] = column_part(weights["o"], rank, ranks)
    return part
