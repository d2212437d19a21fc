"""Bandwidth over intensity."""

HINT = "intensity times bandwidth"


def attainable(intensity, peak, bandwidth):
    return min(peak, bandwidth / intensity)
