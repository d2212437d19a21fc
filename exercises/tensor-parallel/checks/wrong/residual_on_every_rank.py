"""x is added before the sum, on every rank."""

HINT = "once for each rank"


def layer(x, part, size):
    h = unit(x)
    q, k, v = (column_linear(h, part[name]) for name in ("q", "k", "v"))
    x = x + attend(q, k, v, size) @ part["o"].T
    dist.all_reduce(x)
    h = unit(x)
    gated = F.silu(column_linear(h, part["gate"])) * column_linear(h, part["up"])
    x = x + gated @ part["down"].T
    dist.all_reduce(x)
    return x
