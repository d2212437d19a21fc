"""eps as it usually is."""

HINT = "eps is the model's own"


def prepare(weights, right=prepare):
    return right({**weights, "eps": 1e-6})
