"""A widened model computes what the original does, and no two copies of a weight are equal."""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_builders import furthest, generated, random_llama, random_tokens, read, tiny
from test_llm_families import FAMILIES, same_logits
from test_llm_loading import assert_same, split_after
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from workshop.llm.cache import StaticCache
from workshop.llm.config import Config
from workshop.llm.model import Llama
from workshop.llm.quantization import quantize
from workshop.llm.quantization.quantize import INT8, Quantization
from workshop.llm.ranks.part import Part
from workshop.llm.text.tokenizer import Tokenizer
from workshop.llm.weights import checkpoint
from workshop.llm.weights.convert import convert
from workshop.llm.weights.convert_widened import open_widened
from workshop.llm.weights.random_weights import DRAWN
from workshop.llm.weights.safetensors_file import CheckpointError
from workshop.llm.weights.widen import SPREAD, Shares, load_widened, widened
from workshop.record.results import Result
from workshop.roofline.errors import RooflineError
from workshop.roofline.models import find_model as find_shape
from workshop.roofline.models import model_of
from workshop.roofline.widths import COPIES, MOST_COPIES
from workshop.runner.models import config_of, embedded, find_draft, find_model, load_model
from workshop.slurm.job.checkpoint import checkpoint_of
from workshop.stages.settings import Settings
from workshop.tiny.copies import copies_of
from workshop.tiny.corpus import prompts
from workshop.tiny.recipe import HELD_OUT_SEED
from workshop.util.errors import UsageError

CPU = torch.device("cpu")
VERIFIER = embedded("verifier")
HOWS = [None, INT8, Quantization("int4", 32)]
SMALL = tiny(dim=64, hidden=96, heads=4, kv_heads=2, tied=True)


@cache
def original() -> Llama:
    return load_model(VERIFIER, torch.float32)


@cache
def wide(copies: int) -> Llama:
    """The embedded model in fp32; its weights are those that are rounded to bf16."""
    return load_model(find_model(f"tiny:{copies}"), torch.float32)


def stored(directory: Path, config: Config = SMALL, dtype: torch.dtype = torch.float32) -> Path:
    checkpoint.save(random_llama(config, dtype=dtype), directory)
    return directory


# --- The same function --------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("copies", [2, 3])
@torch.inference_mode()
def test_every_family_computes_the_same_with_several_copies(
    family: str, copies: int, tmp_path: Path
) -> None:
    """Stored in fp32, so that no rounding hides a mistake."""
    plain = random_llama(FAMILIES[family])
    checkpoint.save(plain, tmp_path)
    wider = load_widened(tmp_path, copies, torch.float32)
    tokens = random_tokens(50)
    expected = read(plain, tokens)
    assert expected.std() > 0.5, "logits this small would hide a difference"
    assert furthest(read(wider, tokens), expected) < 1e-4
    assert wider.config == plain.config.widened(copies)
    assert wider.config.head_dim == plain.config.head_dim


@pytest.mark.parametrize(("copies", "within"), [(1, 0.0), (2, 0.04), (4, 0.02)])
@torch.inference_mode()
def test_the_embedded_model_finds_the_same_tokens_likeliest(copies: int, within: float) -> None:
    """In fp32 its logits differ by the rounding of one share of each weight to bf16 alone."""
    tokens = Tokenizer(VERIFIER.tokenizer).encode("\n".join(prompts(HELD_OUT_SEED, 8)))[:200]
    expected = read(original(), tokens)
    assert expected.max() > 15
    found = read(wide(copies), tokens)
    assert furthest(found, expected) <= within
    assert torch.equal(found.argmax(-1), expected.argmax(-1))


@pytest.mark.parametrize("copies", [2, COPIES])
@torch.inference_mode()
def test_it_says_the_same_token_for_token(copies: int) -> None:
    prompt = Tokenizer(VERIFIER.tokenizer).encode("Hello, my name is")

    def said(model: Llama) -> list[int]:
        return generated(model, StaticCache(model.config, 1, 128, torch.float32), prompt, 80)

    assert said(wide(copies)) == said(original())


@pytest.mark.parametrize("copies", [1, 2, 4])
def test_transformers_reads_what_is_written_widened_and_gives_our_logits(
    copies: int, tmp_path: Path
) -> None:
    plain = stored(tmp_path / "plain", tiny(tied=True))
    convert(open_widened(plain, copies), tmp_path / "wide")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "wide", dtype=torch.float32).eval()
    assert same_logits(load_widened(plain, copies, torch.float32), theirs)
    assert same_logits(checkpoint.load(plain, torch.float32), theirs)


def test_what_is_written_widened_is_what_is_loaded_widened(tmp_path: Path) -> None:
    """The embedded model, for another program."""
    source = find_model("tiny:2")
    assert source.directory is not None
    convert(open_widened(source.directory, 2), tmp_path)
    assert_same(checkpoint.load(tmp_path), load_widened(source.directory, 2))
    assert find_model(str(tmp_path)).tokenizer.read_bytes() == source.tokenizer.read_bytes()


def test_a_directory_is_not_gone_on_with_at_another_width(tmp_path: Path) -> None:
    plain = stored(tmp_path / "plain")
    convert(open_widened(plain, 2), tmp_path / "wide")
    convert(open_widened(plain, 2), tmp_path / "wide")  # the same command goes on
    for copies in (1, 3):
        with pytest.raises(CheckpointError, match="holds a conversion of another checkpoint"):
            convert(open_widened(plain, copies), tmp_path / "wide")


def test_a_quantised_checkpoint_is_not_widened(tmp_path: Path) -> None:
    plain = checkpoint.load(stored(tmp_path / "plain"))
    quantize.quantize(plain, INT8, torch.float32)
    checkpoint.save(plain, tmp_path / "int8")
    with pytest.raises(CheckpointError, match="is an int8 checkpoint, and only unquantised ones"):
        load_widened(tmp_path / "int8", 2)


# --- Nothing is there twice ---------------------------------------------------------------------


def linears(model: Llama) -> dict[str, Tensor]:
    return {n: m.weight for n, m in model.named_modules() if isinstance(m, nn.Linear)}


def test_no_two_copies_of_an_input_or_output_are_equal() -> None:
    """Nor of what a kernel might recognise: no two of any layer's rows, no two of its columns."""
    model = load_model(find_model("tiny"), torch.bfloat16)
    small = linears(original())
    for name, weight in linears(model).items():
        outputs, inputs = small[name].shape
        by_input = weight.view(-1, COPIES, inputs)
        for one, other in combinations(range(COPIES), 2):
            assert (by_input[:, one] != by_input[:, other]).any(0).all(), name
        if name == "lm_head":
            continue
        by_output = weight.view(COPIES, outputs, -1)
        for one, other in combinations(range(COPIES), 2):
            assert (by_output[one] != by_output[other]).any(1).all(), name


def test_layers_do_not_share_their_shares() -> None:
    """Else equal weights of two layers would be split equally."""
    shares = Shares(2)
    ones = torch.ones(8, 16)
    first, second = (
        widened(f"layers.{layer}.mlp.up_proj.weight", ones, shares) for layer in range(2)
    )
    assert not torch.equal(first, second)


WEIGHT = st.tuples(
    st.integers(1, 40),
    st.integers(1, 300),
    st.integers(1, MOST_COPIES),
    st.integers(0, DRAWN - 1),
    st.sampled_from([torch.float32, torch.bfloat16]),
    st.integers(0, 99),
)


@given(WEIGHT)
@settings(max_examples=100)
def test_the_shares_of_each_row_sum_to_its_weights(
    drawn: tuple[int, int, int, int, torch.dtype, int],
) -> None:
    outputs, inputs, copies, start, dtype, seed = drawn
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(outputs, inputs, generator=generator).to(dtype)
    split = Shares(copies).split(weight, range(copies * outputs), start)
    assert split.shape == (copies * outputs, copies, inputs)
    assert split.dtype == dtype
    whole = weight.repeat(copies, 1).double()
    one_rounding = torch.finfo(dtype).eps * (1 + SPREAD) / copies
    if copies > 1:
        off = (split.double().sum(1) - whole).abs()
        # The last share's own rounding, and what fp32 loses where they are added up.
        assert (off <= whole.abs() * (one_rounding + copies * 2**-23)).all()
    else:
        assert torch.equal(split[:, 0], weight)
    # Each is within half of an equal share; it is rounded, and the last has the others' roundings.
    equal = whole[:, None].abs() / copies
    slack = equal * copies * torch.finfo(dtype).eps
    assert ((split.double() - whole[:, None] / copies).abs() <= equal * SPREAD + slack).all()


@given(WEIGHT, st.data())
@settings(max_examples=50)
def test_some_rows_are_those_of_the_whole(
    drawn: tuple[int, int, int, int, torch.dtype, int], data: st.DataObject
) -> None:
    outputs, inputs, copies, start, dtype, seed = drawn
    weight = torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(seed)).to(dtype)
    shares, rows = Shares(copies), copies * outputs
    first = data.draw(st.integers(0, rows - 1))
    last = data.draw(st.integers(first + 1, rows))
    whole = shares.split(weight, range(rows), start)
    assert torch.equal(shares.split(weight, range(first, last), start), whole[first:last])


# --- The same weights everywhere ----------------------------------------------------------------


# Of all tensors in their order; it changes with the weights that are shipped.
TINY_2 = "64c309af18e0bbf217d6832e3fdb8151456309085d2c3ef76798bdaff82e2379"


def digest(model: Llama) -> str:
    found = hashlib.sha256()
    for value in model.state_dict().values():
        found.update(value.contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_weights_are_the_same_every_time_and_on_every_machine(threads: int) -> None:
    """A record says 'tiny:2': it is to mean one model. Nothing in them depends on the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        model = load_model(find_model("tiny:2"), torch.bfloat16)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert digest(model) == TINY_2


def test_every_precision_begins_with_the_weights_as_they_would_be_stored() -> None:
    stored_so = load_model(find_model("tiny:2"), torch.bfloat16)
    assert_same(load_model(find_model("tiny:2"), torch.float32), stored_so.float())


@pytest.mark.parametrize("how", HOWS, ids=str)
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_what_a_rank_loads_is_its_part_of_the_whole_widened_model(
    how: Quantization | None, ranks: int, tmp_path: Path
) -> None:
    """Quantised as it comes or afterwards; what is tied in the original as well."""
    config = tiny(dim=64, hidden=96, heads=4, kv_heads=2, tied=True, head_size=16)
    plain = stored(tmp_path, config, torch.bfloat16)
    for rank in range(ranks):
        part = Part(rank, ranks)
        whole = load_widened(plain, 4)
        if how is not None:
            quantize.quantize(whole, how)
        loaded = load_widened(plain, 4, None, CPU, part, how and how.linear)
        assert_same(loaded, split_after(whole, part))


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_two_ranks_hold_the_halves_of_the_embedded_model(how: Quantization | None) -> None:
    source = find_model("tiny:2")
    for rank in range(2):
        whole = load_model(source, torch.bfloat16, how=how)
        part = Part(rank, 2)
        assert_same(load_model(source, torch.bfloat16, CPU, part, how), split_after(whole, part))


# --- What it is called --------------------------------------------------------------------------


def test_tiny_is_the_widened_model_and_tiny_1_is_what_is_shipped() -> None:
    default = find_model(Settings("baseline").model)
    assert default == find_model("tiny")
    assert (default.name, default.copies) == ("tiny", COPIES)
    assert config_of(default) == config_of(find_model(f"tiny:{COPIES}"))
    assert config_of(default).parameters == 108_806_400
    assert find_model("tiny:1") == VERIFIER
    assert config_of(VERIFIER).parameters == 6_967_360


@pytest.mark.parametrize("model", ["tiny", "tiny:1", f"tiny:{MOST_COPIES}"])
def test_its_draft_stays_small(model: str) -> None:
    assert find_draft(model, None) == find_draft(model, "tiny") == embedded("draft")


@pytest.mark.parametrize(
    "name", ["tiny:0", "tiny:3x", "tiny:999", "tiny:17", "tiny:-1", "tiny:", "tiny:01", "tiny:٢"]
)
def test_a_width_that_there_is_not_is_one_sentence_wherever_it_is_named(name: str) -> None:
    says = (
        f"there is no model {name!r}: the embedded model is widened by a whole number, from "
        "tiny:1 (as it is stored) to tiny:16; tiny alone is tiny:4"
    )
    for find in (find_model, copies_of, lambda text: checkpoint_of(text, None)):
        with pytest.raises(UsageError) as refused:
            find(name)
        assert str(refused.value) == says
    with pytest.raises(RooflineError) as unpredicted:
        find_shape(name)
    assert str(unpredicted.value) == says


@pytest.mark.parametrize("copies", [1, 2, COPIES, 8, MOST_COPIES])
def test_what_is_predicted_is_the_shape_that_is_run(copies: int) -> None:
    for name in {f"tiny:{copies}", "tiny" if copies == COPIES else f"tiny:{copies}"}:
        theirs, ours = find_shape(name), config_of(find_model(name))
        assert theirs.parameters == ours.parameters
        for field in ("dim", "layers", "heads", "kv_heads", "head_dim", "hidden", "vocab", "tied"):
            assert getattr(theirs, field) == getattr(ours, field)
        assert theirs.draft == "tiny-draft"
        assert checkpoint_of(name, None) == name


@pytest.mark.parametrize(
    ("model", "parameters", "is_called"),
    [
        ("tiny", 6_967_360, "tiny:1"),  # from before it was widened
        ("tiny", 108_806_400, "tiny"),
        ("tiny", None, "tiny"),
        ("tiny", 123, "tiny"),
        ("tiny:4", 108_806_400, "tiny"),
        ("tiny:8", 6_967_360, "tiny:8"),  # which claims something else than it has
        ("tiny:99", 1, "tiny:99"),
        ("/models/tiny", 6_967_360, "/models/tiny"),
        (None, 6_967_360, None),
    ],
)
def test_a_record_s_model_has_one_name_whenever_it_was_written(
    model: str | None, parameters: int | None, is_called: str | None
) -> None:
    assert model_of(Result("x", "ok", model=model, model_parameters=parameters)) == is_called
