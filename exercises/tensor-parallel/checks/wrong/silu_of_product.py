"""silu of gate times up."""

import torch.nn.functional as F

HINT = "not of their product"


def layer(x, part, size):
    h = unit(x)
    q, k, v = (column_linear(h, part[name]) for name in "qkv")
    x = x + row_linear(attend(q, k, v, size), part["o"], None)
    h = unit(x)
    gated = F.silu(column_linear(h, part["gate"]) * column_linear(h, part["up"]))
    return x + row_linear(gated, part["down"], None)
