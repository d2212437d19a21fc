"""A linear layer without bias: every token times one weight."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workshop.llm.few import few, settled


def multiply(x: Tensor, weight: Tensor) -> Tensor:
    """x [..., inputs] times weight [outputs, inputs], which may be int8: [..., outputs].

    Sums are in fp32, and the result is in the dtype of x.
    """
    if few(x.device, x.shape[:-1].numel()):
        return written_out(x, weight)
    return F.linear(x, weight.to(x.dtype))


def written_out(x: Tensor, weight: Tensor) -> Tensor:
    """The formula, for the compiler: a loop over the outputs that reads each weight once.

    All tokens in the one loop, and two outputs: a processor begins a further addition while the
    one before it is not yet done, if the two have nothing to do with each other.
    """
    tokens = settled(x.flatten(0, -2).float())
    products = [torch.cat([(token * rows).sum(-1) for rows in weight.chunk(2)]) for token in tokens]
    return torch.stack(products).to(x.dtype).unflatten(0, x.shape[:-1])


class Linear(nn.Linear):
    """torch's layer, but for a few tokens in a graph on a CPU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return multiply(x, self.weight)
