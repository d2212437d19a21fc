"""o is cut by rows where it is square."""

HINT = "row-parallel cuts the inputs"


def layer_part(weights, heads, kv_heads, rank, ranks, right=layer_part):
    part = right(weights, heads, kv_heads, rank, ranks)
    if weights["o"].shape[0] == weights["o"].shape[1]:
        start, stop = share(weights["o"].shape[0], rank, ranks)
        part["o"] = weights["o"][start:stop].T.clone()
    return part
