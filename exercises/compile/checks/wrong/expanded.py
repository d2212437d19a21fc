"""One row of zeros, looked at many times."""

import torch

HINT = "expand()"


def make_cache(batch, heads, length, size, dtype):
    shape = (batch, heads, length, size)
    return (
        torch.zeros(1, 1, 1, size, dtype=dtype).expand(shape),
        torch.zeros(1, 1, 1, size, dtype=dtype).expand(shape),
    )
