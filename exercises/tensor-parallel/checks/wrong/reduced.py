"""Only rank 0 has the sum."""

HINT = "reduce is not all-reduce"


def row_linear(x, weight, bias):
    y = x @ weight.T
    kept = y.clone()
    dist.reduce(y, 0)
    y = kept if dist.get_rank() else y
    return y if bias is None else y + bias
