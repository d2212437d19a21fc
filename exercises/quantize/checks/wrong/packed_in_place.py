"""8 is added to the values that were given."""

import torch

HINT = "an operation in place"


def pack(values):
    values += 8
    unsigned = values.to(torch.uint8)
    return unsigned[:, 0::2] | (unsigned[:, 1::2] << 4)
