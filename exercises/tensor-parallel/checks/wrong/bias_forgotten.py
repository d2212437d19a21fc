"""No bias."""

HINT = "the bias is missing"


def row_linear(x, weight, bias):
    y = x @ weight.T
    dist.all_reduce(y)
    return y
