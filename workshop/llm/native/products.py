"""Products of a weight and a few tokens on a CPU, by our C++: each weight is read once.

Three things use them:

* a compiled step of 2 to 8 tokens (a verifier's pass, a batch): torch's library takes 2.6 times as
  long for four tokens as for one, and the loops that the compiler writes are no better;
* ``--kernels cpp``: a single token as well, in place of those loops;
* ``--activations int8``: products of integers, which torch does not have for so few tokens.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.fx.experimental.symbolic_shapes import statically_known_true

from workshop.llm.linear import Linear
from workshop.llm.model import Llama
from workshop.llm.native import MOST_TOKENS, build
from workshop.llm.quantization.activations import rounded
from workshop.llm.quantization.int4 import Int4Linear
from workshop.llm.quantization.int8 import Int8Linear

OPERATORS = {"products": ("product",), "integers": ("product_int8", "product_int4")}


@functools.cache
def load(source: str) -> None:
    """Make the operators of a source known to torch; raises what ``build.load`` raises."""
    build.load(source)
    for name in OPERATORS[source]:
        # What they make of tensors without data, which is what a compiler has.
        torch.library.register_fake(f"workshop::{name}", outputs_of)


def outputs_of(x: Tensor, weight: Tensor, *rest: Tensor) -> Tensor:
    return x.new_empty(*x.shape[:-1], weight.shape[0])


def has_tokens(x: Tensor, least: int) -> bool:
    """Whether x [..., inputs] has ``least`` to MOST_TOKENS tokens, and a graph knows it."""
    tokens = x.shape[:-1].numel()
    return any(statically_known_true(tokens == count) for count in range(least, MOST_TOKENS + 1))


class CppLinear(Linear):
    """A layer in bf16 or fp32; ``least`` is the smallest number of tokens that goes to C++."""

    least = 2

    def forward(self, x: Tensor) -> Tensor:
        if has_tokens(x, self.least):
            return torch.ops.workshop.product(x, self.weight)
        return super().forward(x)


class CppGemvLinear(CppLinear):
    least = 1


class CppInt8Linear(Int8Linear):
    """int8 weights, activations as they are."""

    least = 2

    def forward(self, x: Tensor) -> Tensor:
        if has_tokens(x, self.least):
            return torch.ops.workshop.product(x, self.weight) * self.scale
        return super().forward(x)


class CppGemvInt8Linear(CppInt8Linear):
    least = 1


class IntegerInt8Linear(Int8Linear):
    """int8 weights and activations; scales are in fp32."""

    def forward(self, x: Tensor) -> Tensor:
        if not has_tokens(x, 1):
            out = F.linear(rounded(x).to(x.dtype), self.weight.to(x.dtype))
            # Not in x's dtype: torch 2.13's compiler takes a product with int8 weights and a
            # converted scale for its own int8 kernel, and fails on the scale.
            return (out.float() * self.scale).to(x.dtype)
        return torch.ops.workshop.product_int8(x, self.weight, self.scale)


class IntegerInt4Linear(Int4Linear):
    """int4 weights, in the canonical form with scales in bf16, and int8 activations."""

    def forward(self, x: Tensor) -> Tensor:
        if not has_tokens(x, 1):
            return F.linear(rounded(x).to(x.dtype), self.dequantized().to(x.dtype))
        return torch.ops.workshop.product_int4(x, self.weight, self.scale, self.zero)


def use(model: Llama, one_token: bool, integers: bool) -> None:
    """Have a model on a CPU multiplied by these, in place; last, and before int4 is packed.

    Args:
        one_token: a single token as well; else 2 to 8.
        integers: round activations to int8 wherever weights are quantised.

    Raises:
        torch._inductor.exc.InvalidCxxCompiler, BuildError: see ``build.load``.
    """
    load("products")
    if integers:
        load("integers")
    for module in model.modules():
        # The same layer with the same weights, and another ``forward``.
        if isinstance(module, Int4Linear) and integers:
            module.__class__ = IntegerInt4Linear
            # bf16 holds int4's scales and zeros without loss (int4.py).
            module.scale, module.zero = module.scale.bfloat16(), module.zero.bfloat16()
        elif isinstance(module, Int8Linear) and integers:
            module.__class__ = IntegerInt8Linear
            module.scale = module.scale.float()
        elif isinstance(module, Int8Linear):
            module.__class__ = CppGemvInt8Linear if one_token else CppInt8Linear
        elif isinstance(module, Linear):
            module.__class__ = CppGemvLinear if one_token else CppLinear
