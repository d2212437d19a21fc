"""Half a byte rounded away."""

HINT = "half a byte"


def weight_bytes(parameters, bits):
    return parameters * (bits // 8)
