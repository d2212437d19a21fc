"""The slope goes on for ever."""

HINT = "never more than its peak"


def attainable(intensity, peak, bandwidth):
    return intensity * bandwidth
