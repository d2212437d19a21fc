"""The activations are quantised, too."""

HINT = "not x to int8"


def int8_linear(x, values, scale):
    steps = x.abs().amax(dim=1, keepdim=True) / 127
    return ((x / steps).round() @ values.to(x.dtype).T) * scale * steps
