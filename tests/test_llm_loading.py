"""Loading a part, quantising as it comes, random weights: always the whole model's own values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_builders import furthest, random_llama, random_tokens, read, tiny
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from workshop.llm.config import Config
from workshop.llm.model import Llama
from workshop.llm.quantization import quantize
from workshop.llm.quantization.quantize import INT8, Quantization
from workshop.llm.ranks.part import ParallelError, Part, Slice, slice_of
from workshop.llm.weights import checkpoint
from workshop.llm.weights.fill import in_blocks
from workshop.llm.weights.random_weights import DRAWN, random_model, repeated
from workshop.llm.weights.safetensors_file import entries, write

CPU = torch.device("cpu")
# Every rank of 4 has whole groups of int4, and fewer key heads than there are ranks.
CONFIG = tiny(dim=128, hidden=256, heads=8, kv_heads=2, head_size=16)
HOWS = [None, INT8, Quantization("int4", 32)]
TOKENS = random_tokens(12)


def split_after(model: Llama, part: Part) -> Llama:
    """The slow, obvious way to a part: have the whole model, then cut."""
    for name, module in model.named_modules():
        kept = slice_of(name, model.config, part)
        if kept is not None:
            quantize.split(module, kept.dim, kept.start, kept.stop)
    return model


def assert_same(ours: torch.nn.Module, expected: torch.nn.Module) -> None:
    state = expected.state_dict()
    assert ours.state_dict().keys() == state.keys()
    for name, value in ours.state_dict().items():
        assert value.dtype == state[name].dtype, name
        assert torch.equal(value, state[name]), name


@pytest.fixture(scope="module", params=[False, True], ids=["untied", "tied"])
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = tiny(dim=128, hidden=256, heads=8, kv_heads=2, head_size=16, tied=request.param)
    directory = tmp_path_factory.mktemp("plain")
    checkpoint.save(random_llama(config, dtype=torch.bfloat16), directory)
    return directory


@pytest.mark.parametrize("how", HOWS, ids=str)
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_what_a_rank_loads_is_its_part_of_the_whole_model(
    plain: Path, how: Quantization | None, ranks: int
) -> None:
    """Also where it is quantised as it comes: a row has the scale that it has on one rank."""
    for rank in range(ranks):
        part = Part(rank, ranks)
        whole = checkpoint.load(plain, torch.bfloat16)
        if how is not None:
            quantize.quantize(whole, how)
        loaded = checkpoint.load(plain, torch.bfloat16, CPU, part, how and how.linear)
        assert_same(loaded, split_after(whole, part))


@pytest.mark.parametrize("how", HOWS[1:], ids=str)
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_a_quantised_checkpoint_loads_in_parts(
    plain: Path, tmp_path: Path, how: Quantization, ranks: int
) -> None:
    model = checkpoint.load(plain)
    quantize.quantize(model, how, scale_dtype=how.stored_dtype)
    checkpoint.save(model, tmp_path)
    for rank in range(ranks):
        part = Part(rank, ranks)
        whole = checkpoint.load(tmp_path, torch.bfloat16)
        assert checkpoint.quantization(tmp_path) == quantize.quantization_of(whole) == how
        loaded = checkpoint.load(tmp_path, torch.bfloat16, CPU, part)
        assert_same(loaded, split_after(whole, part))


def test_a_model_that_does_not_split_is_refused(plain: Path) -> None:
    with pytest.raises(ParallelError, match=r"heads \(8\) do not split evenly over 3 ranks"):
        checkpoint.load(plain, part=Part(0, 3))


@torch.inference_mode()
def test_a_model_quantised_as_it_comes_is_one_quantised_afterwards(plain: Path) -> None:
    """The tied head too gets a quantised copy of its own."""
    at_once = checkpoint.load(plain, torch.float32, make=INT8.linear)
    afterwards = checkpoint.load(plain, torch.float32)
    quantize.quantize(afterwards)
    assert torch.equal(read(at_once, TOKENS), read(afterwards, TOKENS))


@pytest.mark.parametrize("how", HOWS[1:], ids=str)
@pytest.mark.parametrize("most", [1, 300, 10**6])
def test_a_weight_quantised_in_blocks_is_one_quantised_at_once(
    how: Quantization, most: int
) -> None:
    weight = torch.randn(37, 64, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert_same(in_blocks(how.linear, weight, most), how.linear(weight))


def read_by_this_process() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("rchar")).split()[1])


def test_a_rank_reads_no_more_than_it_needs(tmp_path: Path) -> None:
    """The weights that are split by columns are all over the file, and read whole."""
    model = random_llama(tiny(dim=256, hidden=512, vocab=32))
    checkpoint.save(model, tmp_path)
    checkpoint.load(tmp_path)  # whatever is imported only now
    before = read_by_this_process()
    checkpoint.load(tmp_path, part=Part(1, 2))
    by_columns = sum(p.nbytes for n, p in model.named_parameters() if "o_p" in n or "down" in n)
    by_rows = sum(p.nbytes for n, p in model.named_parameters() if "layers" in n and p.dim() == 2)
    whole = sum(p.nbytes for p in model.parameters())
    needed = whole - (by_rows - by_columns) / 2
    assert needed <= read_by_this_process() - before < needed + 100_000 < whole


# --- The file format: as the safetensors library has it -----------------------------------------


tensors = st.dictionaries(
    st.text(min_size=1).filter(lambda name: name != "__metadata__"),
    st.tuples(
        st.sampled_from([torch.float32, torch.bfloat16, torch.float16, torch.int8, torch.uint8]),
        st.lists(st.integers(1, 5), min_size=1, max_size=3),
        st.integers(0, 1000),
    ),
    min_size=1,
    max_size=6,
)


def drawn(dtype: torch.dtype, shape: list[int], seed: int) -> Tensor:
    numbers = torch.randint(0, 100, shape, generator=torch.Generator().manual_seed(seed))
    return numbers.to(dtype)


@settings(max_examples=50, deadline=None)
@given(tensors)
def test_the_library_reads_what_we_write_and_we_read_it_too(
    tmp_path_factory: pytest.TempPathFactory, described: dict[str, tuple]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    values = {name: drawn(*said) for name, said in described.items()}
    kinds = {name: (value.dtype, tuple(value.shape)) for name, value in values.items()}
    write(path, kinds, iter(values.values()))
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"format": "pt"}
    library, ours = load_file(path), entries(path)
    assert library.keys() == ours.keys() == values.keys()
    for name, value in values.items():
        assert torch.equal(library[name], value)
        assert torch.equal(ours[name].read(), value)
        rows = Slice(0, value.shape[0] // 2, value.shape[0])
        if rows.start < rows.stop:
            assert torch.equal(ours[name].read(rows), value[rows.start :])
        if value.dim() == 2:
            columns = Slice(1, 0, (value.shape[1] + 1) // 2)
            assert torch.equal(ours[name].read(columns), value[:, : columns.stop])


@pytest.mark.parametrize("kind", ["F8_E4M3", "F8_E8M0", "C64"])
def test_a_type_that_is_no_weight_is_named(plain: Path, tmp_path: Path, kind: str) -> None:
    for path in plain.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path, name = tmp_path / "model.safetensors", "model.norm.weight"
    size = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + size])
    body = path.read_bytes()[8 + size :]
    start, end = header[name]["data_offsets"]
    count = {"F8_E4M3": end - start, "F8_E8M0": end - start, "C64": (end - start) // 8}[kind]
    header[name] |= {"dtype": kind, "shape": [count]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    with pytest.raises(checkpoint.CheckpointError, match=f"{path}: the tensor {name} "):
        checkpoint.load(tmp_path)


def test_a_header_that_says_it_is_huge_costs_nothing(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((plain / "config.json").read_bytes())
    path = tmp_path / "model.safetensors"
    for claimed in (2**63, 2**40, 10**9):
        path.write_bytes(claimed.to_bytes(8, "little") + b"{}" * 100)
        with pytest.raises(checkpoint.CheckpointError, match="not a whole safetensors file"):
            checkpoint.load(tmp_path)


# --- Random weights -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOWS, ids=str)
@pytest.mark.parametrize("ranks", [2, 4])
def test_the_random_parts_of_all_ranks_are_the_random_whole(
    how: Quantization | None, ranks: int
) -> None:
    make = how and how.linear
    for rank in range(ranks):
        part = Part(rank, ranks)
        whole = random_model(CONFIG, torch.bfloat16, 3, make=make)
        assert_same(
            random_model(CONFIG, torch.bfloat16, 3, CPU, part, make), split_after(whole, part)
        )


def test_random_layers_and_rows_differ() -> None:
    """Equal rows would give equal logits, and a tie between hundreds of tokens."""
    config = Config(dim=2048, layers=2, heads=16, kv_heads=16, hidden=64, vocab=4096, context=64)
    model = random_model(config, torch.bfloat16)
    rows = {bytes(row.view(torch.uint8)) for row in model.lm_head.weight[:, :64].contiguous()}
    assert len(rows) == 4096
    first, second = (layer.mlp.up_proj.weight for layer in model.layers)
    assert furthest(first, second) > 0.01


@pytest.mark.parametrize("shape", [(7,), (3, 5), (1, DRAWN), (2, DRAWN + 1), (5, DRAWN // 2)])
@pytest.mark.parametrize("start", [0, 1, DRAWN - 1])
def test_repeated_numbers_begin_anew_where_they_end(shape: tuple[int, ...], start: int) -> None:
    numbers = torch.arange(DRAWN, dtype=torch.float64)
    value = repeated(numbers, start, torch.Size(shape))
    expected = (torch.arange(value.numel(), dtype=torch.float64) + start) % DRAWN
    assert torch.equal(value, expected.view(shape))
