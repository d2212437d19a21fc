"""Weights read for each sequence."""

HINT = "once for the whole batch"


def decode_intensity(batch, bytes_per_parameter):
    return 2 / bytes_per_parameter
