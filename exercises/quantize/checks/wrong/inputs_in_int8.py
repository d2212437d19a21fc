"""The activations are cast to int8, too."""

import torch

HINT = "not x to int8"


def int8_linear(x, values, scale):
    return (x.to(torch.int8).int() @ values.int().T).float() * scale
