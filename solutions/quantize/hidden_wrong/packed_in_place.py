"""8 is added to the values that were given."""

import torch

CHECK = "what is given stays as it is"


def pack(values):
    values += 8
    unsigned = values.to(torch.uint8)
    return unsigned[:, 0::2] | (unsigned[:, 1::2] << 4)
