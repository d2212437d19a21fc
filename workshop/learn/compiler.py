"""torch's compiler, imported, and used once: what it sets up at first use is set up.

A check names this module in its ``imports``: then a fork server has it all before it forks. A
driver compiles by ``COMPILE``: a participant's file may have replaced ``torch.compile``.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor, nn

COMPILE = torch.compile  # as it is before anybody's file is loaded

# What the compiler imports when it first compiles, or first tells why it cannot.
LATER = (
    "torch._dynamo.repro.after_dynamo",
    "torch.export._trace",
    "torch.distributed.tensor.experimental",
)


class Halved(nn.Module):
    """Something to compile."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight) / 2


def as_it_is(module: Any, inputs: Any) -> Any:
    """A backend that compiles nothing."""
    return module


def use_once() -> None:
    torch.compile(Halved(), backend=as_it_is, fullgraph=True, dynamic=False)(torch.ones(2, 4))
    torch._dynamo.reset()


for name in LATER:
    importlib.import_module(name)
use_once()
