"""An all-reduce after the column-parallel product."""

HINT = "DIFFERENT outputs"


def column_linear(x, weight):
    y = x @ weight.T
    dist.all_reduce(y)
    return y
