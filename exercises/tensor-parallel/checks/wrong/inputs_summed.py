"""Adds up the inputs in place of the products."""

HINT = "exchange only after"


def row_linear(x, weight, bias):
    x = x[:, : weight.shape[1]].clone()
    dist.all_reduce(x)
    y = x @ weight.T
    return y if bias is None else y + bias
