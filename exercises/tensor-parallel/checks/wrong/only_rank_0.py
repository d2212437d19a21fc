"""An all-reduce that only one rank calls."""

HINT = "the same exchanges in the same order"


def row_linear(x, weight, bias):
    y = x @ weight.T
    if dist.get_rank() == 0:
        dist.all_reduce(y)
    return y if bias is None else y + bias
