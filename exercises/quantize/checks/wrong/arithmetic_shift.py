"""The byte is taken for int8 before it is shifted."""

import torch

HINT = "brings the sign along"


def unpack(packed):
    signed = packed.to(torch.int8)
    return torch.stack([signed & 15, signed >> 4], dim=2).flatten(1) - 8
