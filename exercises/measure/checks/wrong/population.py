"""The standard deviation of a population."""

HINT = "n - 1"


def mean_and_spread(values):
    import statistics

    return statistics.fmean(values), statistics.pstdev(values)
