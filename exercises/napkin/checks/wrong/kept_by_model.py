"""The bytes of a model are worked out once, however many bits are asked for afterwards."""

HINT = "keep nothing between calls"
KNOWN = {}


def weight_bytes(parameters, bits):
    return KNOWN.setdefault(parameters, parameters * bits / 8)
