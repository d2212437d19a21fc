"""Places are counted in fp16, which has no 2049."""

import torch

HINT = "counted in too few bits"


def mask(position, length):
    return (torch.arange(length).half() <= position.half())[None]
