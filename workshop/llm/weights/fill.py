"""Weights into a model, one after another, so that no second model is ever in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from workshop.llm.config import Config
from workshop.llm.model import Llama
from workshop.llm.quantization.quantize import (
    AnyLinear,
    Quantization,
    Quantized,
    is_quantized,
    join_rows,
    make_room,
    split,
)
from workshop.llm.ranks.part import WHOLE, Part, Slice, check_divides, slice_of

Make = Callable[[Tensor], Quantized]
BLOCK = 1 << 22  # weights quantised at once: in fp32, several times over, they take memory


class NoInit(TorchFunctionMode):
    """torch's layers begin with random numbers: where there is no memory yet, there is no need.

    And for numbers that are only shapes, torch would import its compiler, which takes seconds.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def empty(config: Config, how: Quantization | None = None) -> Llama:
    """A model that has shapes and names, and no memory yet; raises GroupError."""
    with torch.device("meta"), NoInit():
        model = Llama(config)
        if how is not None:
            make_room(model, how)
    return model


def needed(model: Llama) -> dict[str, Tensor]:
    """The tensors that fill an empty model, by name; a tied head is the embedding's."""
    state = model.state_dict()
    if is_tied(model):
        del state["lm_head.weight"]
    return state


def is_tied(model: Llama) -> bool:
    """Whether the head is the embedding's very tensor; a quantised one is a copy of its own."""
    return model.config.tied and not is_quantized(model)


def part_of(name: str, tensor: Tensor, config: Config, part: Part, make: bool) -> Slice | None:
    """The part of a stored tensor, weight or scales, that a rank needs; None is all of it.

    A weight that is yet to be quantised and split by its inputs is needed whole: a row's scale is
    then what it would be on one rank.
    """
    kept = slice_of(name.rpartition(".")[0], config, part)
    if kept is None or (kept.dim == 1 and (make or tensor.dim() == 1)):
        return None
    # Two weights may share a byte, and many a scale: what is stored is in proportion.
    whole = tensor.shape[0] if kept.dim == 0 else inputs(name, config)
    stored = tensor.shape[kept.dim]
    return Slice(kept.dim, kept.start * stored // whole, kept.stop * stored // whole)


def inputs(name: str, config: Config) -> int:
    """Inputs of one of the layers that are split by them."""
    return config.heads * config.head_dim if ".o_proj" in name else config.hidden


def fill(
    model: Llama,
    tensors: Iterable[tuple[str, Tensor]],
    device: torch.device,
    dtype: torch.dtype | None = None,
    part: Part = WHOLE,
    make: Make | None = None,
) -> Llama:
    """Put tensors, of the parts that ``part_of`` names, into an empty model, on ``device``.

    Args:
        dtype: of all that is not quantised; None leaves it as it comes.
        make: turns a linear layer's weight into a quantised layer, as soon as it has come.
    """
    check_divides(model.config, part.ranks)
    for name, tensor in tensors:
        value = tensor.to(device)
        if value.is_floating_point() and dtype is not None:
            value = value.to(dtype)
        put(model, name, value, part, make)
    if model.config.tied and make is not None:
        model.set_submodule("lm_head", in_blocks(make, model.embed_tokens.weight))
    elif is_tied(model):
        model.lm_head.weight = model.embed_tokens.weight
    model.reset_rope()
    return model.eval().requires_grad_(False)


def put(model: Llama, name: str, value: Tensor, part: Part, make: Make | None) -> None:
    """One tensor into its place."""
    owner, _, leaf = name.rpartition(".")
    module = model.get_submodule(owner)
    if not isinstance(module, nn.Linear):
        whole = isinstance(getattr(module, leaf), nn.Parameter)
        setattr(module, leaf, nn.Parameter(value, requires_grad=False) if whole else value)
    elif make is None:
        module.weight = nn.Parameter(value, requires_grad=False)
        module.out_features, module.in_features = value.shape
    else:
        layer = in_blocks(make, value)
        kept = slice_of(owner, model.config, part)
        if kept is not None and kept.dim == 1:
            split(layer, kept.dim, kept.start, kept.stop)
        model.set_submodule(owner, layer)


def in_blocks(make: Make, weight: Tensor, most: int = BLOCK) -> AnyLinear:
    """Quantise a weight [out, in] a few rows at a time: no row knows of another."""
    rows = max(1, most // weight.shape[1])
    return join_rows([make(block) for block in weight.split(rows)])
