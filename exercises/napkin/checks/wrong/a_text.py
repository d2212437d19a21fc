"""A text with the unit."""

HINT = "not a text"


def decode_floor_ms(bytes_read, bandwidth):
    return f"{bytes_read / (bandwidth * 1e9) * 1e3:.2f} ms"
