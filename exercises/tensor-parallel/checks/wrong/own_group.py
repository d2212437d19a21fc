"""Meets the others again."""

HINT = "have met already"


def row_linear(x, weight, bias):
    dist.init_process_group("gloo")
    y = x @ weight.T
    dist.all_reduce(y)
    return y if bias is None else y + bias
