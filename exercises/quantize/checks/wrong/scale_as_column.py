"""Scale[:, None] beside the outputs."""

HINT = "LAST dimension"


def int8_linear(x, values, scale):
    return (x @ values.to(x.dtype).T) * scale[:, None]
