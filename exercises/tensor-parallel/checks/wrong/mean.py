"""The mean in place of the sum."""

HINT = "that is the mean"


def row_linear(x, weight, bias):
    y = x @ weight.T
    dist.all_reduce(y)
    y = y / dist.get_world_size()
    return y if bias is None else y + bias
