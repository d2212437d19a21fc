"""Additions not counted."""

HINT = "an addition"


def decode_intensity(batch, bytes_per_parameter):
    return batch / bytes_per_parameter
