"""The whole weight is turned back before the product."""

CHECK = "the scale waits for the product"


def int8_linear(x, values, scale):
    return x @ dequantize_rows(values, scale).T
