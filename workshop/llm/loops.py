"""One token on a CPU: the compiler writes the loops that a library has for many tokens only.

A CPU's libraries multiply matrices by matrices, and decode multiplies a matrix by one vector. In a
graph, the formula itself stands for such a product, and the loops that torch's compiler writes for
it read each weight once, convert it in registers, and run into the next ones without a call in
between: most of a step is one function (figures in docs/measuring.md).
"""

from __future__ import annotations

import torch
from torch import Tensor


def left_to_the_compiler(device: torch.device, tokens: int) -> bool:
    """Whether the formula is what the compiler is to be given for so many tokens.

    A graph that leaves the number open takes it to be 2 or more, and is never asked for one.
    """
    return device.type == "cpu" and torch.compiler.is_compiling() and tokens == 1


def settled(x: Tensor) -> Tensor:
    """x, in memory: else the compiler may compute it anew in every loop that reads it.

    For the compiler only, to which a tensor is a formula until something needs its place. A copy is
    made (or left out again, where x is whole and in order), since a part of another tensor would
    get that one's place.
    """
    x = x.clone(memory_format=torch.contiguous_format)
    return x.as_strided(x.shape, x.stride())
