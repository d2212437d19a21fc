"""GiB in place of GB."""

HINT = "2**30"


def decode_speed(weight_bytes, bandwidth, ranks):
    return ranks * bandwidth * 2**30 / weight_bytes
