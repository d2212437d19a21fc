"""Every rank reads everything."""

HINT = "only its part"


def decode_speed(weight_bytes, bandwidth, ranks):
    return bandwidth * 1e9 / weight_bytes
