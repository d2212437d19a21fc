"""The operations of training."""

HINT = "training"


def token_flops(parameters):
    return 6 * parameters
