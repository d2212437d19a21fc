"""Only the first two ranks take part."""

HINT = "waits for ever"


def row_linear(x, weight, bias):
    y = x @ weight.T
    if dist.get_rank() < 2:
        dist.all_reduce(y)
    return y if bias is None else y + bias
