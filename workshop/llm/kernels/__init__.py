"""Our own kernels, in Triton (https://triton-lang.org), in the place of torch's and Inductor's.

Importing this needs Triton, which comes with torch for a GPU. ``use`` puts them into a model:

* ``gemv``: products of a weight and one vector, or a few, that read the weight once;
* ``attention``: one token's attention, split over the cache;
* ``norm``: RMSNorm, with the addition before it.

Each has a plain reference beside it, and whatever a kernel does not take goes to torch as before.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from workshop.llm.attention import Attend
from workshop.llm.kernels.attention import decode_attention
from workshop.llm.kernels.gemv import fits, multiply, multiply_int4
from workshop.llm.kernels.norm import add_norm
from workshop.llm.kernels.tile import LOAD
from workshop.llm.model import Attention, Llama, RMSNorm
from workshop.llm.quantization.int4 import Int4Linear
from workshop.llm.quantization.int8 import Int8Linear


class TritonLinear(nn.Linear):
    """A layer in bf16, fp16 or fp32."""

    def forward(self, x: Tensor) -> Tensor:
        if not fits(tokens_of(x), x.shape[-1], LOAD // self.weight.element_size()):
            return F.linear(x, self.weight)
        return multiply(x.flatten(0, -2), self.weight, None).unflatten(0, x.shape[:-1])


class TritonInt8Linear(Int8Linear):
    def forward(self, x: Tensor) -> Tensor:
        if not fits(tokens_of(x), x.shape[-1], LOAD):
            return super().forward(x)
        return multiply(x.flatten(0, -2), self.weight, self.scale).unflatten(0, x.shape[:-1])


class TritonInt4Linear(Int4Linear):
    """Reads the canonical form as it is: it needs no packing, and must not be packed."""

    def forward(self, x: Tensor) -> Tensor:
        if not fits(tokens_of(x), x.shape[-1], self.group_size):
            return super().forward(x)
        rows = x.flatten(0, -2)
        return multiply_int4(rows, self.weight, self.scale, self.zero).unflatten(0, x.shape[:-1])


class TritonRMSNorm(RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, -2).contiguous()
        return add_norm(rows, None, self.weight, self.eps)[1].view_as(x)

    def add(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        rows, further = x.flatten(0, -2).contiguous(), y.flatten(0, -2).contiguous()
        both = add_norm(rows, further, self.weight, self.eps)
        return both[0].view_as(x), both[1].view_as(x)


def tokens_of(x: Tensor) -> int:
    """How many vectors x [..., inputs] holds."""
    return x.numel() // x.shape[-1]


def split_kv(otherwise: Attend) -> Attend:
    """One token's attention over a cache by our kernel; ``otherwise`` for anything else."""

    def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        if q.shape[2] != 1 or not isinstance(mask, Tensor):
            return otherwise(q, k, v, mask)
        visible = mask.reshape(-1, mask.shape[-1]).expand(q.shape[0], -1)  # a row a sequence
        return decode_attention(q[:, :, 0].contiguous(), k, v, visible)[:, :, None]

    return attend


def use(model: Llama) -> None:
    """Have a model on its device computed by these kernels, in place; last, instead of packing."""
    for module in model.modules():
        # The same layer with the same weights, and another ``forward``.
        if isinstance(module, Int4Linear):
            module.__class__ = TritonInt4Linear
        elif isinstance(module, Int8Linear):
            module.__class__ = TritonInt8Linear
        elif isinstance(module, nn.Linear):
            module.__class__ = TritonLinear
        elif isinstance(module, RMSNorm):
            module.__class__ = TritonRMSNorm
        elif isinstance(module, Attention):
            module.attend = split_kv(module.attend)
