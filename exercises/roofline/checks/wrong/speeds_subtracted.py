"""Speeds in place of times."""

HINT = "speeds do not"


def unexplained_ms(predicted, measured):
    return 1e3 / (predicted - measured)
