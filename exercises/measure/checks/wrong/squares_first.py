"""The mean of the squares less the square of the mean."""

import math

HINT = "take the mean off each value"


def mean_and_spread(values):
    count = len(values)
    mean = sum(values) / count
    squares = sum(value * value for value in values) / count
    return mean, math.sqrt(max(0, squares - mean * mean) * count / (count - 1))
