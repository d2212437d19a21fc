"""A model's own copy in fewer bits is its draft: it shares the rest, and is often believed."""

from __future__ import annotations

import pytest
import torch
from llm_builders import TINY, generated, joined, random_llama, random_tokens, read
from speculation_builders import DRAFT, drafting, passes, static

from workshop.llm.quantization.int8 import Int8Linear
from workshop.llm.quantization.quantize import INT8, Quantization, quantize
from workshop.llm.speculation.draft import self_draft


@pytest.mark.parametrize("of", [None, INT8], ids=["int8 of a plain model", "int4 of an int8 model"])
@torch.inference_mode()
def test_a_self_draft_is_the_model_in_fewer_bits_and_nothing_else_anew(
    of: Quantization | None,
) -> None:
    model, how = random_llama(), INT8 if of is None else Quantization("int4", 32)
    expected = random_llama()
    if of is not None:
        quantize(model, of)
        quantize(expected, of)
        for block in [*expected.layers, expected]:  # back to plain layers, for int4 to start from
            plain_again(block)
    quantize(expected, how)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    draft = self_draft(model, how)
    assert torch.equal(read(draft, random_tokens(9)), read(expected, random_tokens(9)))
    assert draft.embed_tokens.weight is model.embed_tokens.weight
    assert draft.norm.weight is model.norm.weight
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before), "the model is as it was"


def plain_again(module: torch.nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Int8Linear):
            linear = torch.nn.Linear(child.in_features, child.out_features, bias=False)
            linear.weight = torch.nn.Parameter(child.dequantized(), requires_grad=False)
            setattr(module, name, linear)
        elif not isinstance(child, torch.nn.ModuleList):
            plain_again(child)


@pytest.mark.parametrize("how", [INT8, Quantization("int4", 32)], ids=["int8", "int4"])
@torch.inference_mode()
def test_a_self_draft_is_believed_more_often_than_a_stranger(how: Quantization) -> None:
    model, prompt = random_llama(), random_tokens(9)
    parts = passes(model, drafting(self_draft(model, how)), prompt, 80, 3)
    assert joined(parts)[:80] == generated(model, static(TINY), prompt, 80)
    strangers = passes(model, drafting(random_llama(DRAFT, seed=1)), prompt, 80, 3)
    assert len(parts) < len(strangers) / 1.5
