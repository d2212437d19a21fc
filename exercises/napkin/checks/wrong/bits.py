"""Bits taken for bytes."""

HINT = "in bits"


def weight_bytes(parameters, bits):
    return parameters * bits
