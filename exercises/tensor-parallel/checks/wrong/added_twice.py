"""Two all-reduces."""

HINT = "added up twice"


def row_linear(x, weight, bias):
    y = x @ weight.T
    dist.all_reduce(y)
    dist.all_reduce(y)
    return y if bias is None else y + bias
