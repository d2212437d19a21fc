"""The scale forgotten."""

HINT = "scales are missing"


def int8_linear(x, values, scale):
    return x @ values.to(x.dtype).T
