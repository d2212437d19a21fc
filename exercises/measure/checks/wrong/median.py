"""The median in place of the mean."""

import statistics

HINT = "median"


def mean_and_spread(values):
    return statistics.median(values), statistics.stdev(values)
