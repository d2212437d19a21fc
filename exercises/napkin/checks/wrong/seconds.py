"""Seconds in place of milliseconds."""

HINT = "milliseconds"


def decode_floor_ms(bytes_read, bandwidth):
    return bytes_read / (bandwidth * 1e9)
