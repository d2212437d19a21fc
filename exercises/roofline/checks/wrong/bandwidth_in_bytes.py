"""GB/s turned into bytes/s, beside a peak in GFLOP/s."""

HINT = "nothing to convert"


def attainable(intensity, peak, bandwidth):
    return min(peak, intensity * bandwidth * 1e9)
