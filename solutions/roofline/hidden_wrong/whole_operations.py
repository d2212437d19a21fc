"""A whole number of operations for each byte."""

CHECK = "parameters with their scales"


def decode_intensity(batch, bytes_per_parameter):
    return batch * int(2 / bytes_per_parameter)
