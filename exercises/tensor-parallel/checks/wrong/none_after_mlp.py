"""No all-reduce after the MLP."""

HINT = "after the MLP (down)"


def layer(x, part, size):
    h = unit(x)
    q, k, v = (column_linear(h, part[name]) for name in ("q", "k", "v"))
    x = x + row_linear(attend(q, k, v, size), part["o"], None)
    h = unit(x)
    gated = F.silu(column_linear(h, part["gate"])) * column_linear(h, part["up"])
    return x + gated @ part["down"].T
