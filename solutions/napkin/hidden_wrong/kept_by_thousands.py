"""The bytes of a model are worked out once for all models of about its size."""

CHECK = "one thing changed at a time"
KNOWN = {}


def weight_bytes(parameters, bits):
    return KNOWN.setdefault((parameters // 1000, bits), parameters * bits / 8)
