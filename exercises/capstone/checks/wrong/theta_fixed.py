"""theta as it usually is."""

HINT = "theta is the model's own"


def prepare(weights, right=prepare):
    return right({**weights, "theta": 10000.0})
