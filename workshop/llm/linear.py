"""A linear layer without bias: every token times one weight."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workshop.llm.loops import left_to_the_compiler, settled


def multiply(x: Tensor, weight: Tensor) -> Tensor:
    """x [..., inputs] times weight [outputs, inputs], which may be int8: [..., outputs].

    The result is in the dtype of x.
    """
    if left_to_the_compiler(x.device, x.shape[:-1].numel()):
        return written_out(x, weight)
    return F.linear(x, weight.to(x.dtype))


def written_out(x: Tensor, weight: Tensor) -> Tensor:
    """The formula for one token, for the compiler: every output is a sum, in fp32.

    The outputs are two halves, which the compiler puts into one loop: a processor begins a further
    addition while the one before it is not yet done, if the two have nothing to do with each other.
    """
    token = settled(x.flatten().float())
    outputs = torch.cat([(token * rows).sum(-1) for rows in weight.chunk(2)])
    return outputs.to(x.dtype).expand(*x.shape[:-1], -1)


class Linear(nn.Linear):
    """torch's layer, but for one token in a graph on a CPU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return multiply(x, self.weight)
