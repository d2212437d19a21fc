# numpy: its scalars come back; readings in a list, times by np.diff.
import numpy as np


def time_generation(device, new_tokens):
    device.synchronize()
    readings = [device.now()]
    for i, _ in enumerate(device.generate(new_tokens)):
        if i in (0, new_tokens - 1):
            device.synchronize()
            readings.append(device.now())
    return np.diff(readings)


def mean_and_spread(values):
    return np.mean(values), np.std(values, ddof=1)


def tpot(decode_seconds, new_tokens):
    return np.float64(decode_seconds) / np.int64(new_tokens - 1)
