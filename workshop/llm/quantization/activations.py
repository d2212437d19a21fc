"""Activations in int8, so that a product with quantised weights is one of integers.

Weights in fewer bits save reading; each of them is still converted to a float before it is
multiplied. If the activations are int8 too, nothing is converted: a processor multiplies integers
of 8 bits, and adds up four products, in one instruction (VNNI, dot product instructions of ARM).
llama.cpp computes so by default, and the W8A8 of servers is the same idea.

What an activation is worth is known only when it is there, so the scale is dynamic: of each token,
each block of 32 neighbours has a scale of its own,

    scale = max|x| / 127        value = round(x / scale)

which a single large activation (they have outliers, https://arxiv.org/abs/2208.07339) spoils for 31
others, not for the whole token.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 32  # activations that share a scale; also BLOCK of native/integers.cpp
LARGEST = 127
SMALLEST = torch.finfo(torch.float32).tiny  # scale of a block that does not count as zero


def round_activations(x: Tensor) -> tuple[Tensor, Tensor]:
    """Activations [..., I] as values [..., blocks, 32] and scales [..., blocks, 1], both in fp32.

    The values are whole numbers from -127 to 127. A last block that is not full is filled up with
    zeros. A block of zeros has scale 0, and so has one whose scale would be below the smallest
    normal number: such a scale would itself be rounded too coarsely.
    """
    blocks = F.pad(x.float(), (0, -x.shape[-1] % BLOCK)).unflatten(-1, (-1, BLOCK))
    scale = blocks.abs().amax(-1, keepdim=True) / LARGEST
    scale = scale.masked_fill(scale < SMALLEST, 0)
    return (blocks / scale.masked_fill(scale == 0, torch.inf)).round(), scale


def rounded(x: Tensor) -> Tensor:
    """Activations [..., I] as int8 holds them, in fp32: off by at most half their block's scale."""
    values, scale = round_activations(x)
    return (values * scale).flatten(-2)[..., : x.shape[-1]]
