"""GPTQ: errors that the inputs cannot see cost nothing, and those that they can are made up for."""

from __future__ import annotations

import pytest
import torch
from llm_builders import furthest, random_llama, random_tokens, read, tiny
from torch import Tensor

from workshop.llm.quantization.gptq import DAMPING, listening, quantize_calibrated, quantize_knowing
from workshop.llm.quantization.int4 import (
    GroupError,
    Int4Linear,
    dequantize_groups,
    grid,
    quantize_groups,
    to_grid,
)
from workshop.llm.quantization.quantize import Quantization, quantization_of, quantize


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def related_inputs(width: int = 64, count: int = 500) -> Tensor:
    """Inputs [count, width] as layers have them: most of what they say, others say as well."""
    causes = drawn(1, count, width // 4) @ drawn(2, width // 4, width)
    return causes + drawn(4, count, width) / 4


def output_error(weight: Tensor, stored: tuple[Tensor, Tensor, Tensor], x: Tensor) -> float:
    return (x @ (dequantize_groups(*stored) - weight).T).norm().item()


def slowly(weight: Tensor, x: Tensor, size: int) -> Tensor:
    """Optimal Brain Quantization in GPTQ's order (arXiv 2210.17323, section 3), in fp64.

    After each weight the inverse of H is taken anew, of the inputs that are still to come.
    """
    weight = weight.double().clone()
    hessian = x.double().T @ x.double()
    hessian += DAMPING * hessian.diagonal().mean() * torch.eye(len(hessian))
    out = torch.zeros_like(weight)
    for i in range(weight.shape[1]):
        if i % size == 0:
            scale, zero = grid(weight[:, i : i + size].float())
        value = to_grid(weight[:, i : i + 1].float(), scale, zero)[:, 0]
        out[:, i] = (value.double() - 8) * scale + zero
        inverse = torch.linalg.inv(hessian[i:, i:])
        error = (weight[:, i] - out[:, i]) / inverse[0, 0]
        weight[:, i:] -= torch.outer(error, inverse[0])
    return out


@pytest.mark.parametrize("size", [32, 64])
def test_it_is_the_method_of_the_paper(size: int) -> None:
    weight, x = drawn(3, 8, 64), related_inputs()
    stored = quantize_knowing(weight, x.T @ x, size)
    assert furthest(dequantize_groups(*stored), slowly(weight, x, size)) < 1e-4


def test_outputs_are_nearer_than_with_every_weight_rounded_by_itself() -> None:
    weight, x = drawn(3, 48, 64), related_inputs()
    known = output_error(weight, quantize_knowing(weight, x.T @ x, 32), x)
    rounded = output_error(weight, quantize_groups(weight, 32), x)
    assert known < 0.6 * rounded


def test_inputs_that_do_not_matter_to_each_other_leave_nothing_to_make_up_for() -> None:
    weight = drawn(3, 8, 64)
    known = quantize_knowing(weight, torch.eye(64), 32)
    assert all(map(torch.equal, known, quantize_groups(weight, 32)))


def test_inputs_that_were_never_seen_are_rounded_as_they_are() -> None:
    weight = drawn(3, 8, 64)
    known = quantize_knowing(weight, torch.zeros(64, 64), 32)
    assert all(map(torch.equal, known, quantize_groups(weight, 32)))


def test_the_inputs_of_every_layer_are_heard_and_nothing_listens_on() -> None:
    model = random_llama()
    tokens = random_tokens(20)
    with listening(model) as heard:
        read(model, tokens)
        read(model, tokens)
    last = model.hidden(torch.tensor([tokens]), torch.arange(20))[0]
    assert furthest(heard["lm_head"], 2 * last.T @ last) < 1e-3
    assert len(heard) == 2 * 7 + 1
    assert not any(module._forward_pre_hooks for module in model.modules())


@torch.inference_mode()
def test_a_calibrated_model_says_more_nearly_the_same() -> None:
    """On text of the same kind that it was not calibrated on."""
    config = tiny(vocab=40, tied=True)
    model, rounded, known = (random_llama(config) for _ in range(3))
    quantize(rounded, Quantization("int4", 32))
    calibration = torch.tensor([random_tokens(64, 40, seed) for seed in range(8)])
    quantize_calibrated(known, calibration, 32)
    assert quantization_of(known) == Quantization("int4", 32)
    assert sum(isinstance(m, Int4Linear) for m in known.modules()) == 2 * 7 + 1
    tokens = random_tokens(200, 40, seed=99)
    before = read(model, tokens)
    errors = [(read(m, tokens) - before).norm().item() for m in (known, rounded)]
    assert errors[0] < 0.9 * errors[1]


def test_a_model_whose_inputs_make_no_groups_is_refused() -> None:
    model = random_llama(tiny(hidden=72))
    with pytest.raises(GroupError, match="72 inputs"):
        quantize_calibrated(model, torch.tensor([random_tokens(8)]), 32)
