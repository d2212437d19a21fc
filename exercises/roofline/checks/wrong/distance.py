"""How far apart two times are, whichever is longer."""

HINT = "keep the sign"


def unexplained_ms(predicted, measured):
    return abs(1 / measured - 1 / predicted) * 1e3
