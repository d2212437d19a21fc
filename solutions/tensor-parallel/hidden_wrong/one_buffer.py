"""Memory for the sum is made once for a shape, and used at every call."""

import torch
import torch.distributed as dist

CHECK = "results that are kept"
BUFFERS = {}


def row_linear(x, weight, bias):
    key = (x.shape[0], weight.shape[0], x.dtype)
    y = BUFFERS.setdefault(key, torch.empty(x.shape[0], weight.shape[0], dtype=x.dtype))
    torch.mm(x, weight.T, out=y)
    dist.all_reduce(y)
    return y if bias is None else y + bias
