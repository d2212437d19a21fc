"""A layer is known by its first row."""

CHECK = "layers that look alike"
KNOWN = {}


def int8_linear(x, values, scale):
    key = (values.shape, values[0].numpy().tobytes())
    return (x @ KNOWN.setdefault(key, values).to(x.dtype).T) * scale
