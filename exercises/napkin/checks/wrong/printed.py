"""Printed, and not returned."""

HINT = "end the function with return"


def token_flops(parameters):
    print(2 * parameters)
