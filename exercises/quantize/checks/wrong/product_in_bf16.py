"""The product in bf16."""

import torch

HINT = "16 bits are too coarse"


def int8_linear(x, values, scale):
    return ((x.to(torch.bfloat16) @ values.to(torch.bfloat16).T) * scale).float()
