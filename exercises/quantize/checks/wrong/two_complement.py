"""Nibbles in two-complement."""

import torch

HINT = "8 is added"


def pack(values):
    bits = values.to(torch.uint8) & 15
    return bits[:, 0::2] | (bits[:, 1::2] << 4)
