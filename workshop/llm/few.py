"""A few tokens on a CPU: the compiler writes the loops that a library has for many only.

A CPU's libraries multiply matrices by matrices. Decode multiplies a matrix by one vector, or by the
few of a verifier. In a graph, the formula itself stands for such a product, and the loops that
torch's compiler writes for it read each weight once, convert it in registers, and run into the next
ones without a call in between: often all of a step is one function (figures in docs/measuring.md).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx.experimental.symbolic_shapes import statically_known_true
from torch.torch_version import TorchVersion

FEW = 5  # tokens; of more, the library's product in bf16 is the faster one
# What is known of a size without making a graph of its own for it: torch 2.7 cannot be asked that
# inside a graph. There, one token is few, since sizes that vary are taken to be 2 or more.
CAN_ASK = TorchVersion(torch.__version__) >= "2.8"


def few(device: torch.device, tokens: int) -> bool:
    """Whether the formula is what the compiler is to be given for so many tokens.

    Never of a number of tokens that a graph leaves open: a prompt's.
    """
    if device.type != "cpu" or not torch.compiler.is_compiling():
        return False
    return bool(statically_known_true(tokens <= FEW)) if CAN_ASK else tokens == 1


def settled(x: Tensor) -> Tensor:
    """x, in memory: else the compiler may compute it anew in every loop that reads it.

    For the compiler only, to which a tensor is a formula until something needs its place. A copy is
    made (or left out again, where x is whole and in order), since a part of another tensor would
    get that one's place.
    """
    x = x.clone(memory_format=torch.contiguous_format)
    return x.as_strided(x.shape, x.stride())
