"""Additions not counted."""

HINT = "addition"


def token_flops(parameters):
    return parameters
