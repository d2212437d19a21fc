"""Scales in fp32."""

HINT = "not four"


def stored_bytes(outputs, inputs, bits, group):
    return outputs * inputs * bits // 8 + outputs * (inputs // group) * 4
