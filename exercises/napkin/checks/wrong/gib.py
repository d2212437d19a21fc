"""GiB in place of GB."""

HINT = "2**30"


def decode_floor_ms(bytes_read, bandwidth):
    return bytes_read / (bandwidth * 2**30) * 1e3
