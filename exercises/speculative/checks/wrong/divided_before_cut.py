"""Divided by a sum of nearly 0, and cut off afterwards."""

HINT = "cut off at zero first"


def residual(p, q):
    more = p - q
    return (more / more.sum()).clamp(min=0)
