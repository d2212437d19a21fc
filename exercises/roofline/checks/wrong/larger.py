"""The larger bound."""

HINT = "smaller of the two"


def attainable(intensity, peak, bandwidth):
    return max(peak, intensity * bandwidth)
