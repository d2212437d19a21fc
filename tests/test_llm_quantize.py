"""Weight-only int8: what rounding may cost, what it must leave alone, and what it saves."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_builders import furthest, random_llama, random_tokens, read, tiny
from torch import Tensor, nn

from workshop.llm.model import Llama
from workshop.llm.quantization.int8 import Int8Linear, quantize_rows
from workshop.llm.quantization.quantize import is_quantized, make_room, quantize

# Dividing by a scale and multiplying again rounds as well: by 127 units of a part in 2^23 at most.
HALF_A_STEP = 0.5 + 127 * 2**-23

# Zero, or far from where floats end: a scale is a 127th of a weight.
sizes = st.one_of(st.just(0.0), st.floats(2.0**-40, 2.0**40, width=32))
weights = st.builds(lambda size, negative: -size if negative else size, sizes, st.booleans())
dtypes = st.sampled_from([torch.float32, torch.bfloat16])


@st.composite
def matrices(draw: st.DrawFn, least_rows: int = 1) -> Tensor:
    """Weights [out, in] of either type."""
    columns = draw(st.integers(1, 9))
    row = st.lists(weights, min_size=columns, max_size=columns)
    return torch.tensor(draw(st.lists(row, min_size=least_rows, max_size=5))).to(draw(dtypes))


def restored(values: Tensor, scale: Tensor) -> Tensor:
    return values.double() * scale.double()[:, None]


properties = settings(max_examples=150)


@properties
@given(matrices())
def test_no_weight_is_off_by_more_than_half_its_rows_step(weight: Tensor) -> None:
    values, scale = quantize_rows(weight)
    error = (restored(values, scale) - weight.double()).abs()
    assert (error <= HALF_A_STEP * scale.double()[:, None]).all()


@properties
@given(matrices())
def test_values_use_the_whole_symmetric_range(weight: Tensor) -> None:
    """The largest weight of a row is 127 or -127; -128 is left out."""
    values, scale = quantize_rows(weight)
    assert values.dtype == torch.int8
    assert values.shape == weight.shape
    assert scale.shape == weight.shape[:1]
    assert scale.dtype == torch.float32
    largest = values.int().abs().amax(dim=1)
    assert torch.equal(largest, torch.where(weight.abs().amax(dim=1) > 0, 127, 0).int())


@properties
@given(matrices(), st.integers(0, 4))
def test_a_row_of_zeros_stays_zero(weight: Tensor, row: int) -> None:
    row %= len(weight)
    weight[row] = 0
    values, scale = quantize_rows(weight)
    assert not values[row].any()
    assert scale.isfinite().all()
    assert (scale > 0).all()


@properties
@given(matrices())
def test_scales_are_numbers_that_bf16_holds(weight: Tensor) -> None:
    """So that an int8 checkpoint is the same model in bf16 and in fp32."""
    _, scale = quantize_rows(weight)
    assert torch.equal(scale.bfloat16().float(), scale)


def test_weights_too_small_for_a_good_scale_do_not_change_their_sign() -> None:
    """Where floats end, a scale can be too small by a third: 165 steps are cut to 127."""
    values, _ = quantize_rows(torch.tensor([[1.5e-38, -1.5e-38, 0.0]]))
    assert values.tolist() == [[127, -127, 0]]


@properties
@given(matrices())
def test_the_sign_makes_no_difference(weight: Tensor) -> None:
    values, scale = quantize_rows(weight)
    negated, same_scale = quantize_rows(-weight)
    assert torch.equal(negated, -values)
    assert torch.equal(same_scale, scale)


@properties
@given(matrices(), st.integers(0, 4), st.integers(-10, 10))
def test_a_row_times_a_factor_has_its_scale_times_the_factor(
    weight: Tensor, row: int, power: int
) -> None:
    """Powers of two, because they multiply floats without rounding."""
    row %= len(weight)
    values, scale = quantize_rows(weight)
    larger = weight.clone()
    larger[row] *= 2.0**power
    same_values, scaled = quantize_rows(larger)
    assert torch.equal(same_values, values)
    if weight[row].any():
        scale[row] *= 2.0**power
    assert torch.equal(scaled, scale)


@properties
@given(matrices(least_rows=2), weights)
def test_a_row_does_not_matter_to_the_others(weight: Tensor, outlier: float) -> None:
    """One scale per output channel: an outlier makes its own row coarse, and no other."""
    values, scale = quantize_rows(weight)
    weight[0, 0] = outlier
    values_beside, scale_beside = quantize_rows(weight)
    assert torch.equal(values_beside[1:], values[1:])
    assert torch.equal(scale_beside[1:], scale[1:])


def random_linear(dtype: torch.dtype) -> nn.Linear:
    linear = nn.Linear(48, 80, bias=False, dtype=dtype)
    generator = torch.Generator().manual_seed(0)
    linear.weight.data.copy_(torch.randn(80, 48, generator=generator))
    return linear


def inputs(dtype: torch.dtype, width: int = 48) -> Tensor:
    return torch.randn(3, 7, width, generator=torch.Generator().manual_seed(1)).to(dtype)


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float32, 1e-6), (torch.bfloat16, 2**-7)],  # bf16 keeps 8 bits, and rounds twice
)
@torch.inference_mode()
def test_an_int8_layer_is_the_linear_layer_of_the_restored_weights(
    dtype: torch.dtype, tolerance: float
) -> None:
    quantized = Int8Linear.from_weight(random_linear(dtype).weight)
    x = inputs(dtype)
    expected = F.linear(x.double(), restored(quantized.weight, quantized.scale))
    out = quantized(x)
    assert out.dtype == dtype
    assert furthest(out, expected) < tolerance * expected.abs().max().item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_an_int8_layer_keeps_a_rows_error_to_half_a_step(dtype: torch.dtype) -> None:
    """Also in bf16, which cannot hold every number: a scale is rounded before it is used."""
    linear = random_linear(dtype)
    quantized = Int8Linear.from_weight(linear.weight)
    error = restored(quantized.weight, quantized.scale) - linear.weight.double()
    assert (error.abs() <= HALF_A_STEP * quantized.scale.double()[:, None]).all()


def linears(model: Llama) -> list[nn.Module]:
    return [m for m in model.modules() if isinstance(m, nn.Linear | Int8Linear)]


def stored_bytes(modules: list[nn.Module]) -> int:
    return sum(t.nbytes for m in modules for t in (*m.parameters(), *m.buffers()))


@pytest.mark.parametrize("tied", [False, True])
def test_every_linear_layer_and_nothing_else_is_quantised(tied: bool) -> None:
    model = random_llama(tiny(tied=tied))
    kept = {name: p.clone() for name, p in model.named_parameters() if p.dim() == 1}
    embedding = model.embed_tokens.weight.clone()
    assert not is_quantized(model)
    quantize(model)
    assert is_quantized(model)
    assert [type(m) for m in linears(model)] == [Int8Linear] * (2 * 7 + 1)
    left = dict(model.named_parameters())
    assert left.keys() == {*kept, "embed_tokens.weight"}
    assert all(torch.equal(left[name], value) for name, value in kept.items())
    assert torch.equal(left["embed_tokens.weight"], embedding)


def test_a_tied_head_gets_an_int8_copy_and_the_embedding_stays() -> None:
    """Looking up a row needs no speed; the head reads them all."""
    model = random_llama(tiny(tied=True), dtype=torch.bfloat16)
    quantize(model)
    head = model.lm_head
    assert isinstance(head, Int8Linear)
    assert model.embed_tokens.weight.dtype == torch.bfloat16
    values, scale = quantize_rows(model.embed_tokens.weight)
    assert torch.equal(head.weight, values)
    assert torch.equal(head.scale.float(), scale)


def test_the_linear_layers_of_a_bf16_model_take_half_the_bytes() -> None:
    """Half, and two bytes for each row's scale."""
    model = random_llama(dtype=torch.bfloat16)
    rows = sum(m.out_features for m in linears(model))
    before = stored_bytes(linears(model))
    quantize(model)
    assert stored_bytes(linears(model)) == before // 2 + 2 * rows


def test_quantising_again_changes_nothing() -> None:
    model = random_llama()
    quantize(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    quantize(model)
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_room_for_a_checkpoint_has_the_names_and_shapes_of_a_quantised_model() -> None:
    model, room = random_llama(), random_llama()
    quantize(model)
    make_room(room)
    expected = {name: (t.shape, t.dtype) for name, t in model.state_dict().items()}
    assert {name: (t.shape, t.dtype) for name, t in room.state_dict().items()} == expected


@pytest.mark.parametrize("tied", [False, True])
@torch.inference_mode()
def test_a_quantised_model_says_nearly_the_same(tied: bool) -> None:
    """Held against itself before, token by token of the same text (teacher-forced).

    A rounding error is uniform over a row's step, so its deviation is step / sqrt(12). Nine
    products follow each other here (four in each of two layers, and the head), and if all their
    errors pointed the same way they would add up to nine times one.
    """
    model = random_llama(tiny(tied=tied))
    weight = model.layers[0].mlp.up_proj.weight
    step = weight.abs().amax(dim=1) / 127
    one = (step / math.sqrt(12) / weight.std(dim=1)).mean().item()
    assert 0.004 < one < 0.008, "the error of one product, relative to its result"
    tokens = random_tokens(300)
    before = read(model, tokens)
    quantize(model)
    after = read(model, tokens)
    error = ((after - before).norm() / before.norm()).item()
    assert one < error < 9 * one
    agreement = (after.argmax(-1) == before.argmax(-1)).float().mean().item()
    assert agreement > 0.9
