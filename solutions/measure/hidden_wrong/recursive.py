"""Sums call themselves for each value."""

import math

CHECK = "samples that hardly differ"


def total(values):
    return values[0] + total(values[1:]) if values else 0.0


def mean_and_spread(values):
    mean = total(values) / len(values)
    squares = total([(value - mean) ** 2 for value in values])
    return mean, math.sqrt(squares / (len(values) - 1))
