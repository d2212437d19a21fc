# Everything in seconds and bytes, with numpy: its scalars come back.
import numpy as np


def attainable(intensity, peak, bandwidth):
    return np.minimum(peak, np.float64(intensity) * bandwidth)


def decode_speed(weight_bytes, bandwidth, ranks):
    seconds = (weight_bytes / ranks) / (bandwidth * 10**9)
    return np.float64(1) / seconds


def unexplained_ms(predicted, measured):
    return 1000 / measured - 1000 / predicted
