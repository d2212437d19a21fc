"""Weight-only int4: what rounding may cost, one stored form, and the same product when packed."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_builders import furthest, random_llama, random_tokens, read, tiny
from torch import Tensor, nn

from workshop.llm.linear import Linear
from workshop.llm.model import Llama
from workshop.llm.quantization.int4 import (
    GROUP_SIZES,
    GroupError,
    Int4Linear,
    dequantize_groups,
    group_size_for,
    pair,
    quantize_groups,
    unpair,
)
from workshop.llm.quantization.pack import PackedInt4Linear, pack
from workshop.llm.quantization.quantize import (
    INT8,
    AnyLinear,
    Quantization,
    is_quantized,
    join_rows,
    make_room,
    quantization_of,
    quantize,
    split,
)

INT4 = Quantization("int4", 32)

# Half a step, and what is lost where a weight is a thousand times its group's width away from 0:
# a zero point in bf16 keeps 8 bits, the arithmetic here 24.
HALF_A_STEP = 0.5 + 2**-6

group_sizes = st.sampled_from(GROUP_SIZES)


@st.composite
def matrices(draw: st.DrawFn) -> tuple[Tensor, int]:
    """Weights [out, in] of any scale, off-centre or not, some with outliers; and a group size."""
    size, rows, groups = draw(group_sizes), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    weight = torch.randn(rows, size * groups, generator=generator)
    weight = weight * 2.0 ** draw(st.integers(-20, 20)) + draw(st.sampled_from([0.0, 0.1, -3.0]))
    if draw(st.booleans()):
        weight[0, draw(st.integers(0, size - 1))] *= 100
    return weight.to(draw(st.sampled_from([torch.float32, torch.bfloat16]))), size


def restored_slowly(pairs: Tensor, scale: Tensor, zero: Tensor, size: int) -> Tensor:
    """The stored form read one weight at a time, as its description says, in fp64."""
    out = torch.zeros(pairs.shape[0], 2 * pairs.shape[1], dtype=torch.float64)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            byte = int(pairs[row, column // 2])
            value = byte // 16 if column % 2 == 0 else byte % 16
            step = float(scale[row, column // size])
            out[row, column] = (value - 8) * step + float(zero[row, column // size])
    return out


properties = settings(max_examples=60, deadline=None)


@properties
@given(matrices())
def test_no_weight_is_off_by_more_than_half_its_groups_step(drawn: tuple[Tensor, int]) -> None:
    weight, size = drawn
    pairs, scale, zero = quantize_groups(weight, size)
    error = (dequantize_groups(pairs, scale.double(), zero.double()) - weight.double()).abs()
    allowed = HALF_A_STEP * scale.double().repeat_interleave(size, dim=1)
    assert (error <= allowed).all()


@properties
@given(matrices())
def test_a_step_is_hardly_more_than_a_fifteenth_of_a_groups_range(
    drawn: tuple[Tensor, int],
) -> None:
    """All sixteen values are used, as far as the zero point can be written down in bf16."""
    weight, size = drawn
    _, scale, zero = quantize_groups(weight, size)
    groups = weight.double().unflatten(1, (-1, size))
    width = groups.amax(-1) - groups.amin(-1)
    most = width / 15 * 1.01 + zero.double().abs() * 2**-9
    assert (scale.double() <= most)[width > 0].all()


@properties
@given(matrices())
def test_what_is_stored_is_bytes_and_numbers_that_bf16_holds(drawn: tuple[Tensor, int]) -> None:
    """So that a checkpoint is the same model in bf16 and in fp32."""
    weight, size = drawn
    pairs, scale, zero = quantize_groups(weight, size)
    assert pairs.dtype == torch.uint8
    assert pairs.shape == (weight.shape[0], weight.shape[1] // 2)
    for numbers in (scale, zero):
        assert numbers.shape == (weight.shape[0], weight.shape[1] // size)
        assert torch.equal(numbers.bfloat16().float(), numbers)
    assert (scale > 0).all()


@given(st.lists(st.lists(st.integers(0, 15), min_size=6, max_size=6), min_size=1, max_size=4))
def test_paired_values_come_back(rows: list[list[int]]) -> None:
    values = torch.tensor(rows, dtype=torch.uint8)
    assert torch.equal(unpair(pair(values)), values)
    assert pair(values)[0, 0] == rows[0][0] * 16 + rows[0][1], "the first is in the high half"


@pytest.mark.parametrize("size", GROUP_SIZES)
def test_the_stored_form_means_what_it_is_said_to_mean(size: int) -> None:
    weight = torch.randn(3, 2 * size, generator=torch.Generator().manual_seed(size))
    stored = quantize_groups(weight, size)
    slow = restored_slowly(*stored, size)
    assert furthest(dequantize_groups(*stored), slow) < 1e-6 * slow.abs().max().item()


def test_a_group_of_zeros_stays_zero_and_one_of_equals_stays_what_it_was() -> None:
    weight = torch.zeros(2, 64)
    weight[1, 32:] = -0.75  # a number that bf16 holds
    assert torch.equal(dequantize_groups(*quantize_groups(weight, 32)), weight)


@given(matrices(), st.floats(-1e6, 1e6, width=32))
def test_an_outlier_makes_its_own_group_coarse_and_no_other(
    drawn: tuple[Tensor, int], outlier: float
) -> None:
    weight, size = drawn
    weight = weight.float()
    before = dequantize_groups(*quantize_groups(weight, size))
    weight[0, 0] = outlier
    after = dequantize_groups(*quantize_groups(weight, size))
    assert torch.equal(after[1:], before[1:])
    assert torch.equal(after[0, size:], before[0, size:])


@pytest.mark.parametrize(
    ("inputs", "wanted", "size"),
    [(4096, 128, 128), (320, 128, 64), (288, 128, 32), (288, 64, 32), (4096, 32, 32)],
)
def test_inputs_that_make_no_whole_groups_take_the_next_smaller(
    inputs: int, wanted: int, size: int
) -> None:
    assert group_size_for(inputs, wanted) == size


@pytest.mark.parametrize("inputs", [1, 31, 33, 48, 4100])
def test_inputs_that_make_no_groups_at_all_are_refused_in_a_sentence(inputs: int) -> None:
    with pytest.raises(GroupError, match=f"{inputs} inputs .* use int8"):
        group_size_for(inputs, 128)
    with pytest.raises(GroupError):
        INT4.linear(torch.zeros(4, inputs))


def test_a_group_size_that_no_kernel_has_is_refused() -> None:
    with pytest.raises(GroupError, match="one of"):
        Quantization("int4", 48)


def layer(
    outputs: int = 80, inputs: int = 128, size: int = 32, dtype: torch.dtype = torch.float32
) -> Int4Linear:
    generator = torch.Generator().manual_seed(outputs)
    weight = torch.randn(outputs, inputs, generator=generator) * 0.1 + 0.02
    return Int4Linear.from_weight(weight.to(dtype), size)


def some(width: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(3, 5, width, generator=torch.Generator().manual_seed(1)).to(dtype)


# bf16 keeps 8 bits, fp16 11; weight, product and sum are rounded.
TOLERANCES = {torch.float32: 1e-6, torch.bfloat16: 2**-7, torch.float16: 2**-9}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(
    ("outputs", "inputs", "size"), [(80, 128, 64), (97, 96, 32), (1, 128, 128)]
)
@torch.inference_mode()
def test_an_int4_layer_is_the_linear_layer_of_the_restored_weights(
    packed: bool, dtype: torch.dtype, outputs: int, inputs: int, size: int
) -> None:
    """Packed or not, for one token and for several, for any number of outputs."""
    stored = layer(outputs, inputs, size, dtype)
    x = some(inputs, dtype)
    expected = F.linear(x.double(), stored.dequantized().double())
    run = PackedInt4Linear(stored) if packed else stored
    for given_x, wanted in ((x, expected), (x[:1, :1], expected[:1, :1])):
        out = run(given_x)
        assert out.dtype == dtype
        assert out.shape == wanted.shape
        assert furthest(out, wanted) < TOLERANCES[dtype] * expected.abs().max().item()


@torch.inference_mode()
def test_a_packed_layer_takes_the_last_tokens_of_a_batch() -> None:
    """Which lie apart in memory: the kernels want them side by side."""
    stored = layer(80, 64, 32)
    x = some(64, torch.float32)[:, -1:]
    assert furthest(PackedInt4Linear(stored)(x), stored(x)) < 1e-5


@torch.inference_mode()
def test_a_packed_layer_takes_a_byte_for_two_weights() -> None:
    """And two numbers for each group of the outputs, of which there are a multiple of 16."""
    packed = PackedInt4Linear(layer(97, 128, 32, torch.bfloat16))
    assert packed.weight.nbytes == 112 * 128 // 2
    assert packed.scales_and_zeros.nbytes == 112 * (128 // 32) * 2 * 2


@torch.inference_mode()
def test_a_packed_model_compiles_into_one_graph() -> None:
    model = random_llama(tiny(layers=1))
    quantize(model, INT4)
    pack(model)
    tokens, positions = torch.tensor([random_tokens(4)]), torch.arange(4)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True, dynamic=False)
    assert furthest(compiled(tokens, positions), model(tokens, positions)) < 1e-5


def linears(model: Llama) -> list[nn.Module]:
    kinds = (nn.Linear, Int4Linear, PackedInt4Linear)
    return [m for m in model.modules() if isinstance(m, kinds)]


@pytest.mark.parametrize("tied", [False, True])
def test_every_linear_layer_and_nothing_else_is_quantised(tied: bool) -> None:
    model = random_llama(tiny(tied=tied))
    kept = {name: p.clone() for name, p in model.named_parameters() if p.dim() == 1}
    embedding = model.embed_tokens.weight.clone()
    quantize(model, INT4)
    assert is_quantized(model)
    assert quantization_of(model) == INT4
    assert [type(m) for m in linears(model)] == [Int4Linear] * (2 * 7 + 1)
    left = dict(model.named_parameters())
    assert left.keys() == {*kept, "embed_tokens.weight"}
    assert all(torch.equal(left[name], value) for name, value in kept.items())
    assert torch.equal(left["embed_tokens.weight"], embedding)
    pack(model)
    assert is_quantized(model)
    assert [type(m) for m in linears(model)] == [PackedInt4Linear] * (2 * 7 + 1)


@pytest.mark.parametrize("how", [INT4, Quantization("int4", 128)])
def test_room_for_a_checkpoint_has_the_names_and_shapes_of_a_quantised_model(
    how: Quantization,
) -> None:
    """Also where layers have groups of different sizes, as here with 64 and 160 inputs."""
    model, room = random_llama(), random_llama()
    quantize(model, how)
    found = quantization_of(model)
    assert found is not None
    make_room(room, found)
    expected = {name: (t.shape, t.dtype) for name, t in model.state_dict().items()}
    assert {name: (t.shape, t.dtype) for name, t in room.state_dict().items()} == expected


@pytest.mark.parametrize("how", [INT8, *(Quantization("int4", size) for size in GROUP_SIZES)])
def test_what_a_checkpoint_says_of_its_quantisation_is_understood(how: Quantization) -> None:
    assert Quantization.from_config(how.to_config()) == how
    for other in ({"quant_method": "gptq"}, {**how.to_config(), "bits": 3}, None, "int4", 4):
        assert Quantization.from_config(other) is None


@torch.inference_mode()
def test_smaller_groups_say_more_nearly_the_same() -> None:
    """Held against itself before, on the same text (teacher-forced)."""
    config = tiny(dim=128, heads=4, hidden=256)
    tokens = random_tokens(200)
    before = read(random_llama(config), tokens)

    def error(how: Quantization) -> float:
        model = random_llama(config)
        quantize(model, how)
        return ((read(model, tokens) - before).norm() / before.norm()).item()

    errors = [error(how) for how in (INT8, *(Quantization("int4", s) for s in GROUP_SIZES))]
    assert errors == sorted(errors)
    assert errors[-1] < 0.5


def kinds() -> list[tuple[str, AnyLinear]]:
    linear = Linear(128, 80)
    linear.weight.requires_grad_(False)
    quantized = [how.linear(linear.weight) for how in (INT8, Quantization("int4", 32))]
    return [("plain", linear), ("int8", quantized[0]), ("int4", quantized[1])]


def weight_of(linear: AnyLinear) -> Tensor:
    return linear.weight if isinstance(linear, nn.Linear) else linear.dequantized()


@pytest.mark.parametrize(("dim", "start", "stop"), [(0, 16, 48), (1, 32, 96), (1, 0, 64)])
@torch.inference_mode()
def test_a_part_of_a_layer_is_the_layer_of_a_part_of_its_weights(
    dim: int, start: int, stop: int
) -> None:
    for name, linear in kinds():
        expected = weight_of(linear).narrow(dim, start, stop - start)
        split(linear, dim, start, stop)
        assert torch.equal(weight_of(linear), expected), name
        assert (linear.out_features, linear.in_features) == expected.shape
        x = some(expected.shape[1], torch.float32)
        assert furthest(linear(x), F.linear(x, expected)) < 1e-5


def test_a_group_is_not_divided() -> None:
    with pytest.raises(GroupError, match="whole groups of 32"):
        split(layer(size=32), 1, 16, 48)


@torch.inference_mode()
def test_layers_that_are_joined_give_their_outputs_one_after_another() -> None:
    x = some(128, torch.float32)
    for (name, one), (_, other) in zip(kinds(), kinds(), strict=True):
        split(other, 0, 8, 24)
        expected = torch.cat([one(x), other(x)], dim=-1)
        joined = join_rows([one, other])
        assert type(joined) is type(one)
        assert joined.out_features == 96
        assert furthest(joined(x), expected) < 1e-6, name


def test_only_layers_of_one_kind_can_be_joined() -> None:
    (_, plain), (_, int8), _ = kinds()
    with pytest.raises(TypeError, match="Int8Linear"):
        join_rows([plain, int8])
