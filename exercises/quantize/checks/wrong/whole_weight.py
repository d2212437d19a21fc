"""The whole weight is turned back before the product."""

HINT = "never made"


def int8_linear(x, values, scale):
    return x @ dequantize_rows(values, scale).T
