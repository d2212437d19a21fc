"""A third all-reduce, which changes nothing."""

HINT = "nothing else is exchanged"


def layer(x, part, size):
    h = unit(x)
    q, k, v = (column_linear(h, part[name]) for name in ("q", "k", "v"))
    x = x + row_linear(attend(q, k, v, size), part["o"], None)
    h = unit(x)
    gated = F.silu(column_linear(h, part["gate"])) * column_linear(h, part["up"])
    y = row_linear(gated, part["down"], None)
    dist.all_reduce(y)
    return x + y / dist.get_world_size()
