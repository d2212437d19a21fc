"""The scale applied to the input."""

HINT = "not to an input"


def int8_linear(x, values, scale):
    if scale.shape[0] == x.shape[1]:
        return (x * scale) @ values.to(x.dtype).T
    return (x @ values.to(x.dtype).T) * scale
