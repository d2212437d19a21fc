"""x is changed."""

HINT = "works in place"


def layer(x, part, size):
    h = unit(x)
    q, k, v = (column_linear(h, part[name]) for name in ("q", "k", "v"))
    x += row_linear(attend(q, k, v, size), part["o"], None)
    h = unit(x)
    gated = F.silu(column_linear(h, part["gate"])) * column_linear(h, part["up"])
    return x + row_linear(gated, part["down"], None)
