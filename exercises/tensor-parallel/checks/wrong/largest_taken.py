"""The largest of the parts, not their sum."""

import torch.distributed as dist

HINT = "the largest of the parts"


def row_linear(x, weight, bias):
    y = x @ weight.T
    dist.all_reduce(y, op=dist.ReduceOp.MAX)
    return y if bias is None else y + bias
