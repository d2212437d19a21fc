"""A batch of one loses its dimension."""

HINT = "no squeeze()"


def int8_linear(x, values, scale):
    return ((x @ values.to(x.dtype).T) * scale).squeeze()
