"""The MLP reads what attention read."""

import torch.nn.functional as F

HINT = "AFTER attention was added"


def layer(x, part, size):
    h = unit(x)
    q, k, v = (column_linear(h, part[name]) for name in "qkv")
    x = x + row_linear(attend(q, k, v, size), part["o"], None)
    gated = F.silu(column_linear(h, part["gate"])) * column_linear(h, part["up"])
    return x + row_linear(gated, part["down"], None)
