"""Both bounds added up."""

HINT = "the roof has a corner"


def attainable(intensity, peak, bandwidth):
    return 1 / (1 / peak + 1 / (intensity * bandwidth))
