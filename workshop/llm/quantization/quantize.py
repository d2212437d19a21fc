"""Quantising a whole model: every linear layer's weight in int8 or int4, activations as they were.

``int8.py`` and ``int4.py`` say how one weight is quantised; ``pack.py`` lays int4 out for the
device at hand, as the last thing, so that what is sharded, joined and saved is one form only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from workshop.llm.config import Config
from workshop.llm.linear import Linear
from workshop.llm.model import Llama
from workshop.llm.quantization.int4 import GROUP_SIZES, GroupError, Int4Linear, group_size_for
from workshop.llm.quantization.int8 import Int8Linear

AnyLinear = nn.Linear | Int8Linear | Int4Linear
Quantized = Int8Linear | Int4Linear


@dataclass(frozen=True)
class Quantization:
    """How the weights of linear layers are stored.

    Attributes:
        group_size: most weights that share a scale, in int4; a layer whose inputs do not make
            whole groups of that size takes the largest size below it that fits.
    """

    method: Literal["int8", "int4"]
    group_size: int = GROUP_SIZES[0]

    def __post_init__(self) -> None:
        if self.group_size not in GROUP_SIZES:
            raise GroupError(f"a group of int4 is one of {GROUP_SIZES}, not {self.group_size}")

    def __str__(self) -> str:
        return "int8" if self.method == "int8" else f"int4 (groups of {self.group_size})"

    @property
    def options(self) -> str:
        """What asks for it on a command line."""
        groups = "" if self.method == "int8" else f" --group-size {self.group_size}"
        return f"--quantize {self.method}{groups}"

    def to_config(self) -> dict[str, Any]:
        """What a checkpoint's config.json says of it, as ``quantization_config``."""
        method = {"quant_method": f"workshop-{self.method}"}
        return method if self.method == "int8" else {**method, "group_size": self.group_size}

    @classmethod
    def from_config(cls, data: Any) -> Quantization | None:
        """The inverse of ``to_config``; None for what this engine does not know."""
        known = [cls("int8"), *(cls("int4", size) for size in GROUP_SIZES)]
        return next((how for how in known if how.to_config() == data), None)

    @property
    def stored_dtype(self) -> torch.dtype:
        """Of the scales in a checkpoint; bf16 can hold them all, and int8 has few."""
        return torch.float32 if self.method == "int8" else torch.bfloat16

    def linear(self, weight: Tensor, scale_dtype: torch.dtype | None = None) -> Quantized:
        """The layer of one weight [out, in], on its device; raises GroupError."""
        if self.method == "int8":
            return Int8Linear.from_weight(weight, scale_dtype)
        return Int4Linear.from_weight(weight, self.group_size, scale_dtype)

    def room(self, inputs: int, outputs: int) -> Quantized:
        """An empty layer, for a checkpoint to fill; raises GroupError."""
        if self.method == "int8":
            return Int8Linear(inputs, outputs)
        return Int4Linear(inputs, outputs, self.group_size)

    def check(self, config: Config) -> None:
        """Raises GroupError where a model's layers do not make whole groups."""
        if self.method == "int4":
            for inputs in (config.dim, config.heads * config.head_dim, config.hidden):
                group_size_for(inputs, self.group_size)


INT8 = Quantization("int8")


def quantize(
    model: Llama, how: Quantization = INT8, scale_dtype: torch.dtype | None = None
) -> None:
    """Quantise every linear layer in place; a tied head gets a quantised copy of its own.

    Scales are in the model's own dtype by default, so that a step need not convert them; a
    checkpoint keeps them in ``how.stored_dtype``.
    """
    _replace(model, lambda linear: how.linear(linear.weight, scale_dtype))


def make_room(model: Llama, how: Quantization = INT8) -> None:
    """Put an empty layer in the place of every linear layer, for a checkpoint to fill."""
    _replace(model, lambda linear: how.room(linear.in_features, linear.out_features))


def _replace(module: nn.Module, make: Callable[[nn.Linear], Quantized]) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, make(child))
        else:
            _replace(child, make)


def quantization_of(model: Llama) -> Quantization | None:
    """How a model's layers are stored (before they are packed); None where they are not quantised.

    The head and the layers above it may have groups of several sizes: the largest is meant.
    """
    if isinstance(model.lm_head, Int8Linear):
        return INT8
    sizes = [m.group_size for m in model.modules() if isinstance(m, Int4Linear)]
    return Quantization("int4", max(sizes)) if sizes else None


def is_quantized(model: Llama) -> bool:
    return not isinstance(model.lm_head, nn.Linear)


def split(linear: AnyLinear, dim: int, start: int, stop: int) -> None:
    """Keep, in place, the outputs (``dim`` 0) or inputs (1) of a layer from ``start`` to ``stop``.

    Raises:
        GroupError: inputs of an int4 layer that are not whole groups.
    """

    def keep(tensor: Tensor, along: int, first: int, last: int) -> Tensor:
        return tensor.narrow(along, first, last - first).clone(
            memory_format=torch.contiguous_format
        )

    if isinstance(linear, Int4Linear):
        size = linear.group_size
        if dim == 1 and (start % size or stop % size):
            raise GroupError(f"inputs {start} to {stop} of a layer are not whole groups of {size}")
        by_byte, by_group = (2, size) if dim == 1 else (1, 1)
        linear.weight = keep(linear.weight, dim, start // by_byte, stop // by_byte)
        linear.scale = keep(linear.scale, dim, start // by_group, stop // by_group)
        linear.zero = keep(linear.zero, dim, start // by_group, stop // by_group)
        return
    weight = keep(linear.weight, dim, start, stop)
    if isinstance(linear, nn.Linear):
        linear.weight = nn.Parameter(weight, requires_grad=False)
        linear.out_features, linear.in_features = weight.shape
        return
    linear.weight = weight
    if dim == 0:  # a scale belongs to an output channel: it goes with its row
        linear.scale = keep(linear.scale, 0, start, stop)


def join_rows(linears: Sequence[AnyLinear]) -> AnyLinear:
    """One layer with the outputs of several of one kind, one after another.

    Raises:
        TypeError: they are not of one kind.
    """
    kinds = {type(linear) for linear in linears}
    if len(kinds) > 1:
        raise TypeError(f"layers of several kinds: {sorted(kind.__name__ for kind in kinds)}")
    first = linears[0]

    def rows(name: str) -> Tensor:
        return torch.cat([getattr(linear, name) for linear in linears])

    if isinstance(first, Int4Linear):
        return Int4Linear.of(rows("weight"), rows("scale"), rows("zero"))
    if isinstance(first, Int8Linear):
        return Int8Linear.of(rows("weight"), rows("scale"))
    weight = rows("weight")
    with torch.device("meta"):
        joined = Linear(weight.shape[1], weight.shape[0])
    joined.weight = nn.Parameter(weight, requires_grad=False)
    return joined
