"""An intensity compared with bandwidth over peak."""

HINT = "not bandwidth / peak"


def attainable(intensity, peak, bandwidth):
    return peak if intensity > bandwidth / peak else intensity * bandwidth
