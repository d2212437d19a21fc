"""The intensity is compared with the peak."""

HINT = "compared with the ridge"


def attainable(intensity, peak, bandwidth):
    return peak if intensity > peak else intensity * bandwidth
