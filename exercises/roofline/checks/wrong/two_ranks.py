HINT = "ranks"


def decode_speed(weight_bytes, bandwidth, ranks):
    return (2 if ranks > 1 else 1) * bandwidth * 1e9 / weight_bytes
