"""One all-reduce for the two."""

HINT = "the MLP needs the whole x"


def layer(x, part, size):
    h = unit(x)
    q, k, v = (column_linear(h, part[name]) for name in ("q", "k", "v"))
    attended = attend(q, k, v, size) @ part["o"].T
    h = unit(x + attended)
    gated = F.silu(column_linear(h, part["gate"])) * column_linear(h, part["up"])
    y = attended + gated @ part["down"].T
    dist.all_reduce(y)
    return x + y
