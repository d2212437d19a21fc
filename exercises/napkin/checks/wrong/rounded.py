"""Two decimals of a millisecond."""

HINT = "this is rounded"


def decode_floor_ms(bytes_read, bandwidth):
    return round(bytes_read / (bandwidth * 1e9) * 1e3, 2)
