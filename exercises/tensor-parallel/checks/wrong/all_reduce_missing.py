"""No all-reduce."""

HINT = "the all-reduce is missing"


def row_linear(x, weight, bias):
    y = x @ weight.T
    return y if bias is None else y + bias
