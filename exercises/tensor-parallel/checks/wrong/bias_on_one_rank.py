"""Only rank 0 adds the bias, after the sum."""

HINT = "only rank 0 has the bias"


def row_linear(x, weight, bias):
    y = x @ weight.T
    dist.all_reduce(y)
    return y if bias is None or dist.get_rank() else y + bias
