"""The bias is in the sum."""

HINT = "the bias is added on every rank"


def row_linear(x, weight, bias):
    y = F.linear(x, weight, bias)
    dist.all_reduce(y)
    return y
