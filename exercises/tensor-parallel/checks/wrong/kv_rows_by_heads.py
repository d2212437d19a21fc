"""Numbers of heads are taken for numbers of rows."""

HINT = "heads are cut, not single rows"


def layer_part(weights, heads, kv_heads, rank, ranks, right=layer_part):
    part = right(weights, heads, kv_heads, rank, ranks)
    start, stop = kv_share(heads, kv_heads, rank, ranks)
    return part | {name: weights[name][start:stop].clone() for name in "kv"}
