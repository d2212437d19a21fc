"""Reading is not taken off."""

HINT = "the whole token"


def unexplained_ms(predicted, measured):
    return 1e3 / measured
