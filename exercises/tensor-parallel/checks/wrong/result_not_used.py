"""The sum is made, of a copy."""

HINT = "its result not used"


def row_linear(x, weight, bias):
    y = x @ weight.T
    dist.all_reduce(y.clone())
    return y if bias is None else y + bias
