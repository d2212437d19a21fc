"""What all_reduce returns is taken for the sum."""

import torch.distributed as dist

HINT = "all_reduce returns nothing"


def row_linear(x, weight, bias):
    y = dist.all_reduce(x @ weight.T)
    return y if bias is None else y + bias
