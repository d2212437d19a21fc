"""GPTQ: int4 that knows what the layers are given to multiply (Frantar et al. 2022,
https://arxiv.org/abs/2210.17323).

Rounding each weight to the nearest value is best if all inputs matter alike. They do not: with
inputs X, a layer's output is off by ||(W - Q) X||^2, and H = X X^T says what an error in one weight
costs, and which others can make up for it. So quantise the weights of a row one after another, and
after each let those still to come take over its error:

    error = (w_i - q_i) / U_ii          w_j = w_j - error * U_ij  for all j > i

where U is the upper Cholesky factor of the inverse of H. The result is int4 like any other, of the
same form and the same speed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from workshop.llm.model import Llama
from workshop.llm.quantization.int4 import MIDDLE, Int4Linear, grid, group_size_for, pair, to_grid

DAMPING = 0.01  # of H's mean diagonal, added to it: an input that was never seen is not free


def inverse_factor(hessian: Tensor) -> Tensor:
    """U, upper triangular, such that U^T U is the inverse of H [in, in], damped."""
    damping = DAMPING * hessian.diagonal().mean()
    damping = torch.where(damping > 0, damping, 1.0)
    damped = hessian + damping * torch.eye(len(hessian), device=hessian.device)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    return torch.linalg.cholesky(inverse, upper=True)


def quantize_knowing(
    weight: Tensor, hessian: Tensor, group_size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """A weight [out, in] in int4's canonical form, for inputs whose X X^T is ``hessian`` [in, in].

    An error reaches the weights of its own group at once, and later ones when the group is done,
    with the others' in one product: the same sums, faster.
    """
    weight, upper = weight.float().clone(), inverse_factor(hessian.float())
    values, scales, zeros = [], [], []
    for start in range(0, weight.shape[1], group_size):
        stop = start + group_size
        group, within = weight[:, start:stop], upper[start:stop, start:stop]
        scale, zero = grid(group)  # of the weights as earlier errors have left them
        errors = torch.empty_like(group)
        for i in range(group_size):
            value = to_grid(group[:, i : i + 1], scale, zero)[:, 0]
            taken = (value.float() - MIDDLE) * scale + zero
            errors[:, i] = (group[:, i] - taken) / within[i, i]
            group[:, i + 1 :] -= torch.outer(errors[:, i], within[i, i + 1 :])
            values.append(value)
        weight[:, stop:] -= errors @ upper[start:stop, stop:]
        scales.append(scale)
        zeros.append(zero)
    return pair(torch.stack(values, 1)), torch.stack(scales, 1), torch.stack(zeros, 1)


@contextmanager
def listening(module: nn.Module) -> Iterator[dict[str, Tensor]]:
    """X X^T of all that the linear layers in ``module`` are given meanwhile, by their names."""
    heard: dict[str, Tensor] = {}

    def hook(name: str) -> Any:
        def listen(layer: nn.Module, arguments: tuple[Tensor]) -> None:
            x = arguments[0].flatten(0, -2).float()
            heard[name] = heard.get(name, 0) + x.T @ x

        return listen

    handles = [
        child.register_forward_pre_hook(hook(name))
        for name, child in module.named_modules()
        if isinstance(child, nn.Linear)
    ]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


def block_arguments(model: Llama, tokens: Tensor) -> tuple[Tensor, tuple[Any, ...]]:
    """What the first block is given for ``tokens`` [B, T]: hidden states, and the rest."""
    given: list[tuple[Any, ...]] = []
    handle = model.layers[0].register_forward_pre_hook(lambda block, x: given.append(x))
    model.hidden(tokens, torch.arange(tokens.shape[1], device=tokens.device))
    handle.remove()
    return given[0][0], given[0][1:]


@torch.no_grad()
def quantize_calibrated(
    model: Llama, tokens: Tensor, group_size: int, scale_dtype: torch.dtype | None = None
) -> None:
    """Quantise every linear layer in place to int4, so that the model errs least on ``tokens``.

    Block by block: each is calibrated on what the quantised blocks before it make of the text
    [B, T], so that it can make up for some of their errors too.

    Raises:
        GroupError: a layer's inputs do not make whole groups.
    """

    def layer(linear: nn.Linear, hessian: Tensor) -> Int4Linear:
        size = group_size_for(linear.in_features, group_size)
        pairs, scale, zero = quantize_knowing(linear.weight, hessian, size)
        dtype = scale_dtype or linear.weight.dtype
        return Int4Linear.of(pairs, scale.to(dtype), zero.to(dtype))

    x, rest = block_arguments(model, tokens)
    for block in model.layers:
        with listening(block) as heard:
            block(x, *rest)
        for name, hessian in heard.items():
            owner, _, child = name.rpartition(".")
            linear = block.get_submodule(name)
            assert isinstance(linear, nn.Linear)
            setattr(block.get_submodule(owner), child, layer(linear, hessian))
        x = block(x, *rest)
    with listening(model.lm_head) as heard:
        model.lm_head(model.norm(x))
    model.lm_head = layer(model.lm_head, heard[""])  # type: ignore[assignment]
