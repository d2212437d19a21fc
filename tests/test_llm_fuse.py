"""Merged projections: the same logits from fewer products, and no weight kept twice."""

from __future__ import annotations

import pytest
import torch
from llm_builders import furthest, random_llama, random_tokens, read, run_ranks, tiny

from workshop.llm.cache import StaticCache
from workshop.llm.fuse import fuse
from workshop.llm.model import Llama
from workshop.llm.quantization.pack import pack
from workshop.llm.quantization.quantize import Quantization, quantize
from workshop.llm.ranks import parallel

TOKENS = random_tokens(9)
KINDS = [None, Quantization("int8"), Quantization("int4", 32)]


def weights_of(model: Llama) -> int:
    return sum(t.numel() * t.element_size() for t in [*model.parameters(), *model.buffers()])


def made(how: Quantization | None, **shape: int) -> Llama:
    model = random_llama(tiny(**shape))
    if how is not None:
        quantize(model, how)
    return model


@pytest.mark.parametrize("how", KINDS, ids=["fp32", "int8", "int4"])
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_the_same_logits(kv_heads: int, how: Quantization | None) -> None:
    """Also of a step over a cache, and where fewer key heads make the three of different size."""
    single, merged = made(how, kv_heads=kv_heads), made(how, kv_heads=kv_heads)
    fuse(merged)
    assert furthest(read(merged, TOKENS), read(single, TOKENS)) < 1e-5
    caches = [StaticCache(m.config, 1, 16, torch.float32) for m in (single, merged)]
    for model, cache in zip((single, merged), caches, strict=True):
        read(model, TOKENS[:8], cache)
    steps = [read(m, TOKENS[8:], c, 8) for m, c in zip((single, merged), caches, strict=True)]
    assert furthest(*steps) < 1e-5


@pytest.mark.parametrize("how", KINDS, ids=["fp32", "int8", "int4"])
def test_no_weight_is_there_twice(how: Quantization | None) -> None:
    model = made(how)
    before = weights_of(model)
    fuse(model)
    assert weights_of(model) == before
    names = {name.split(".")[-2] for name in model.state_dict() if "_proj" in name}
    assert names == {"qkv_proj", "gate_up_proj", "o_proj", "down_proj"}


def test_four_products_a_layer_instead_of_seven() -> None:
    model = random_llama()
    fuse(model)
    linears = [m for m in model.layers[0].modules() if isinstance(m, torch.nn.Linear)]
    assert len(linears) == 4


def test_merged_int4_is_packed_as_a_whole() -> None:
    single, merged = made(KINDS[2]).bfloat16(), made(KINDS[2]).bfloat16()
    fuse(merged)
    for model in (single, merged):
        model.reset_rope()
        pack(model)
    assert furthest(read(merged, TOKENS), read(single, TOKENS)) < 0.1  # bf16 logits of size 3


def _fused_on_ranks(rank: int, ranks: int) -> torch.Tensor:
    model = random_llama()
    quantize(model, Quantization("int8"))
    parallel.shard(model, rank, ranks)
    fuse(model)
    return read(model, TOKENS)


def test_what_a_rank_holds_is_merged() -> None:
    expected = read(made(Quantization("int8")), TOKENS)
    for logits in run_ranks(_fused_on_ranks, 2):
        assert furthest(logits, expected) < 1e-4


def test_one_graph() -> None:
    model = random_llama()
    fuse(model)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    with torch.inference_mode():
        positions = torch.arange(len(TOKENS))
        assert furthest(compiled(torch.tensor([TOKENS]), positions)[0], read(model, TOKENS)) == 0
