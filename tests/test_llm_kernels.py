"""Triton kernels, by its interpreter on a CPU: each against its plain reference.

The interpreter rounds to bf16 by cutting off; so in bf16 one unit in the last place is allowed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from llm_builders import furthest, random_llama, random_tokens, read, tiny
from patience import HANG

pytest.importorskip("triton", reason="no Triton here: pip install triton, which has Linux wheels")

from workshop.llm import kernels
from workshop.llm.cache import GrowingCache, StaticCache
from workshop.llm.fuse import fuse
from workshop.llm.generate import decode
from workshop.llm.kernels import attention, gemv, norm
from workshop.llm.kernels.tile import MOST_TOKENS, Tile, tile_for
from workshop.llm.model import Llama
from workshop.llm.quantization.int4 import quantize_groups
from workshop.llm.quantization.int8 import quantize_rows
from workshop.llm.quantization.quantize import Quantization, quantize
from workshop.llm.sampling import Sampling

DTYPES = {torch.float32: 1e-5, torch.bfloat16: 2**-7}


def random(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def close(a: torch.Tensor, b: torch.Tensor, dtype: torch.dtype) -> bool:
    return torch.allclose(a.double(), b.double(), rtol=DTYPES[dtype], atol=DTYPES[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("outputs", "inputs"), [(1, 16), (7, 288), (33, 1040), (6, 4112)], ids=str)
@pytest.mark.parametrize("tokens", [1, 3])
def test_a_product_in_float(tokens: int, outputs: int, inputs: int, dtype: torch.dtype) -> None:
    """Sizes that fill no block of rows, less than one block of inputs, and several."""
    x, weight = random(tokens, inputs, dtype=dtype), random(outputs, inputs, dtype=dtype, seed=1)
    weight /= inputs**0.5
    assert close(gemv.multiply(x, weight, None), gemv.multiply_reference(x, weight, None), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("outputs", "inputs"), [(1, 16), (7, 288), (5, 4112)], ids=str)
@pytest.mark.parametrize("tokens", [1, 5])
def test_a_product_in_int8(tokens: int, outputs: int, inputs: int, dtype: torch.dtype) -> None:
    x = random(tokens, inputs, dtype=dtype)
    values, scale = quantize_rows(random(outputs, inputs, seed=1) / inputs**0.5)
    ours = gemv.multiply(x, values, scale.to(dtype))
    assert close(ours, gemv.multiply_reference(x, values, scale.to(dtype)), dtype)


@pytest.mark.parametrize("group", [32, 64, 128])
@pytest.mark.parametrize("tokens", [1, 2])
@pytest.mark.parametrize("groups", [1, 5, 130])
def test_a_product_in_int4(groups: int, tokens: int, group: int) -> None:
    if groups == 130 and group > 32:
        groups = 130 * 32 // group + 1  # more than one block, with a rest
    x = random(tokens, groups * group)
    weight = quantize_groups(random(3, groups * group, seed=1) / (groups * group) ** 0.5, group)
    assert close(
        gemv.multiply_int4(x, *weight), gemv.multiply_int4_reference(x, *weight), torch.float32
    )


def test_products_of_which_programs_share_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Split-K: as on a GPU with 132 processors, which ten rows would not keep busy."""
    monkeypatch.setattr(gemv, "processors", lambda device: 132)
    x, weight = random(2, 3000 // 16 * 16), random(10, 3000 // 16 * 16, seed=1) / 50
    assert tile_for(10, 4 * x.shape[1], 2, 132).split > 1
    assert close(
        gemv.multiply(x, weight, None), gemv.multiply_reference(x, weight, None), torch.float32
    )
    pairs = quantize_groups(random(2, 6400, seed=1) / 80, 32)
    x = random(1, 6400)
    assert tile_for(2, 3200, 1, 132).split > 1
    assert close(
        gemv.multiply_int4(x, *pairs), gemv.multiply_int4_reference(x, *pairs), torch.float32
    )


@given(
    outputs=st.integers(1, 200_000),
    row_bytes=st.integers(1, 4096).map(lambda loads: 16 * loads),
    tokens=st.integers(1, MOST_TOKENS),
    processors=st.sampled_from([1, 108, 110, 132, 304]),
)
def test_a_tile_is_one_that_triton_takes(
    outputs: int, row_bytes: int, tokens: int, processors: int
) -> None:
    """Sides that are powers of two, and no program without work."""
    tile = tile_for(outputs, row_bytes, tokens, processors)
    assert tile.rows in (1, 2, 4)
    assert tile.lanes in (32, 64, 128)
    assert 1 <= tile.split <= min(8, -(-row_bytes // (16 * tile.lanes)))


def test_a_large_weight_gives_every_program_four_rows() -> None:
    """Those of Llama-2-7B on an H100 or H200: o, and gate and up merged, in bf16."""
    assert tile_for(4096, 2 * 4096, 1, 132) == Tile(rows=2, lanes=128, split=1)
    assert tile_for(22016, 2 * 4096, 1, 132) == Tile(rows=4, lanes=128, split=1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("heads", "key_heads", "size"), [(2, 2, 16), (6, 2, 48), (8, 1, 64)], ids=str
)
@pytest.mark.parametrize("parts", [1, 3])
def test_attention_of_one_token(
    heads: int, key_heads: int, size: int, parts: int, dtype: torch.dtype
) -> None:
    """By parts of the cache, some of them hidden whole, with the heads of a group together."""
    slots = 150
    q = random(2, heads, size, dtype=dtype)
    k = random(2, key_heads, slots, size, dtype=dtype, seed=1)
    v = random(2, key_heads, slots, size, dtype=dtype, seed=2)
    visible = torch.arange(slots) < torch.tensor([[1], [140]])
    visible[1, :5] = False  # padding on the left
    expected = attention.decode_attention_reference(q, k, v, visible)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "processors", lambda device: parts * key_heads)
        assert close(attention.decode_attention(q, k, v, visible), expected, dtype)


def test_hidden_slots_are_not_read() -> None:
    """Where there is room for what is not written yet, even nan does no harm."""
    q, k, v = random(1, 2, 16), random(1, 2, 100, 16, seed=1), random(1, 2, 100, 16, seed=2)
    visible = (torch.arange(100) < 70)[None]
    expected = attention.decode_attention_reference(q, k, v, visible)
    k[:, :, 70:] = v[:, :, 70:] = torch.nan
    assert close(attention.decode_attention(q, k, v, visible), expected, torch.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 3])
def test_norm_with_and_without_the_addition(rows: int, dtype: torch.dtype) -> None:
    x, y = random(rows, 288, dtype=dtype), random(rows, 288, dtype=dtype, seed=1)
    weight = random(288, dtype=dtype, seed=2)
    unit = 2 * DTYPES[dtype]  # the norm is rounded twice
    both = norm.add_norm(x, y, weight, 1e-5).double()
    expected = norm.add_norm_reference(x, y, weight, 1e-5).double()
    assert torch.allclose(both, expected, rtol=unit, atol=unit)
    alone = norm.add_norm(x, None, weight, 1e-5)[1].double()
    expected = norm.add_norm_reference(x, None, weight, 1e-5)[1].double()
    assert torch.allclose(alone, expected, rtol=unit, atol=unit)


ONE_LAYER = tiny(layers=1)
KINDS = [None, Quantization("int8"), Quantization("int4", 32)]


@pytest.fixture
def large_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter takes its time for every program: so let there be few."""
    monkeypatch.setattr(gemv, "tile_for", lambda *shape: Tile(rows=128, lanes=32, split=1))


def two(how: Quantization | None) -> tuple[Llama, Llama]:
    """A model, and the same with our kernels."""
    plain, ours = random_llama(ONE_LAYER), random_llama(ONE_LAYER)
    for model in (plain, ours):
        if how is not None:
            quantize(model, how)
    fuse(ours)
    kernels.use(ours)
    return plain, ours


@pytest.mark.parametrize("how", KINDS, ids=["fp32", "int8", "int4"])
@pytest.mark.usefixtures("large_tiles")
def test_a_model_with_our_kernels_gives_the_same_logits(how: Quantization | None) -> None:
    """A prompt, which goes to torch; one token; and a few at a time, as a verifier reads them."""
    tokens = random_tokens(14)
    logits = []
    for model in two(how):
        cache = StaticCache(ONE_LAYER, 1, 32, torch.float32)
        parts = [(0, 10), (10, 11), (11, 14)]
        logits.append(torch.cat([read(model, tokens[a:b], cache, a) for a, b in parts]))
    assert furthest(*logits) < 2e-5


@pytest.mark.usefixtures("large_tiles")
def test_so_does_one_with_a_cache_that_grows() -> None:
    tokens = random_tokens(11)
    logits = []
    for model in two(None):
        cache = GrowingCache(ONE_LAYER)
        logits.append(
            torch.cat([read(model, tokens[:10], cache), read(model, tokens[10:], cache, 10)])
        )
    assert furthest(*logits) < 2e-5


@pytest.mark.usefixtures("large_tiles")
def test_a_step_with_our_kernels_is_one_graph() -> None:
    _, model = two(KINDS[1])
    cache = StaticCache(ONE_LAYER, 1, 32, torch.float32)
    step = (model, cache, torch.tensor([[5]]), torch.tensor([0]), Sampling(), None)
    with torch.inference_mode():
        compiled = torch.compile(decode, fullgraph=True, dynamic=False, backend="eager")
        assert compiled(*step).tolist() == decode(*step).tolist()


@pytest.mark.skipif(sys.platform != "linux", reason="Triton brings its compilers for Linux only")
def test_the_kernels_compile_for_gpus_that_are_not_here(tmp_path: Path) -> None:
    """NVIDIA's A100 and AMD's MI250X, with whole loads of 16 bytes.

    In a process of its own: here, Triton interprets.
    """
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("compile_kernels.py"))],
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4 * 2
    assert all(line.endswith("whole loads") for line in lines), done.stdout
