"""The bytes of the scales forgotten."""

HINT = "stored too"


def stored_bytes(outputs, inputs, bits, group):
    return outputs * inputs * bits // 8
