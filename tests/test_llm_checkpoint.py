"""Checkpoints: written whole, read back exactly, and refused in one sentence when wrong."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from llm_builders import TINY, furthest, random_llama, random_tokens, read, tiny
from safetensors.torch import load_file, save_file
from torch import Tensor

from workshop.llm.model import Llama
from workshop.llm.quantization import quantize
from workshop.llm.weights import checkpoint
from workshop.llm.weights.checkpoint import CheckpointError

TOKENS = random_tokens(12)
Tensors = dict[str, Tensor]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A checkpoint in which nothing is wrong, yet."""
    checkpoint.save(random_llama(), tmp_path / "model")
    return tmp_path / "model"


def sentence(directory: Path) -> str:
    """What loading says instead of giving a model: one sentence, on one line."""
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(directory, torch.float32)
    text = str(refused.value)
    assert "\n" not in text
    return text


def change_config(directory: Path, **fields: Any) -> None:
    """Set fields of config.json; ``...`` takes one away."""
    path = directory / "config.json"
    data = {**json.loads(path.read_text()), **fields}
    path.write_text(json.dumps({name: v for name, v in data.items() if v is not ...}))


def change_tensors(directory: Path, change: Callable[[Tensors], object]) -> None:
    path = directory / "model.safetensors"
    tensors = {name: value.clone() for name, value in load_file(path).items()}
    change(tensors)
    save_file(tensors, path)


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


# --- What is right is read back as it was -----------------------------------------------------


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_a_model_comes_back_as_it_was(tmp_path: Path, tied: bool, dtype: torch.dtype) -> None:
    model = random_llama(tiny(tied=tied), dtype=dtype)
    checkpoint.save(model, tmp_path)
    loaded = checkpoint.load(tmp_path, dtype)
    assert loaded.config == model.config
    assert torch.equal(read(loaded, TOKENS), read(model, TOKENS))
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())


def test_a_tied_head_is_stored_once_and_shared_again(tmp_path: Path) -> None:
    checkpoint.save(random_llama(tiny(tied=True)), tmp_path)
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")
    loaded = checkpoint.load(tmp_path, torch.float32)
    assert loaded.lm_head.weight is loaded.embed_tokens.weight


@torch.inference_mode()
def test_a_tied_head_that_another_program_stored_twice_is_read(tmp_path: Path) -> None:
    model = random_llama(tiny(tied=True))
    checkpoint.save(model, tmp_path)
    embedding = "model.embed_tokens.weight"
    change_tensors(tmp_path, lambda t: t.update({"lm_head.weight": t[embedding].clone()}))
    loaded = checkpoint.load(tmp_path, torch.float32)
    assert loaded.lm_head.weight is loaded.embed_tokens.weight
    assert torch.equal(read(loaded, TOKENS), read(model, TOKENS))


def test_the_rotations_stay_in_fp32_whatever_the_weights_are(directory: Path) -> None:
    """In bf16, positions past 256 could not be told apart."""
    loaded = checkpoint.load(directory, torch.bfloat16)
    assert {p.dtype for p in loaded.parameters()} == {torch.bfloat16}
    assert loaded.cos.dtype == loaded.sin.dtype == torch.float32
    assert torch.equal(loaded.cos, random_llama().cos)


@torch.inference_mode()
def test_frequencies_that_older_files_store_are_left_aside(directory: Path) -> None:
    extra = {f"model.layers.{i}.self_attn.rotary_emb.inv_freq": torch.zeros(8) for i in (0, 1)}
    change_tensors(directory, lambda tensors: tensors.update(extra))
    loaded = checkpoint.load(directory, torch.float32)
    assert torch.equal(read(loaded, TOKENS), read(random_llama(), TOKENS))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_an_int8_checkpoint_is_the_model_quantised_in_memory(
    tmp_path: Path, tied: bool, dtype: torch.dtype
) -> None:
    """Once, with the scales in fp32, as ``workshop quantize`` does; or at every start."""
    checkpoint.save(random_llama(tiny(tied=tied), dtype=dtype), tmp_path / "plain")
    once = checkpoint.load(tmp_path / "plain")
    quantize.quantize(once, scale_dtype=torch.float32)
    checkpoint.save(once, tmp_path / "int8")
    stored = load_file(tmp_path / "int8" / "model.safetensors")
    assert stored["lm_head.weight"].dtype == torch.int8
    assert stored["lm_head.scale"].dtype == torch.float32
    assert stored["model.norm.weight"].dtype == dtype
    assert checkpoint.quantization(tmp_path / "plain") is None
    assert checkpoint.quantization(tmp_path / "int8") == quantize.INT8
    loaded = checkpoint.load(tmp_path / "int8", dtype)
    at_start = checkpoint.load(tmp_path / "plain", dtype)
    quantize.quantize(at_start)
    assert quantize.is_quantized(loaded)
    assert torch.equal(read(loaded, TOKENS), read(at_start, TOKENS))


def test_without_a_dtype_a_checkpoint_is_loaded_as_it_is_stored(tmp_path: Path) -> None:
    checkpoint.save(random_llama(dtype=torch.bfloat16), tmp_path)
    assert {p.dtype for p in checkpoint.load(tmp_path).parameters()} == {torch.bfloat16}


def test_the_size_of_a_checkpoint_is_that_of_its_weights(directory: Path, tmp_path: Path) -> None:
    weights = sum(p.nbytes for p in random_llama().parameters())
    header = checkpoint.size(directory) - weights
    assert 0 < header < 5000
    assert checkpoint.save(random_llama(), tmp_path / "again") == checkpoint.size(directory)


# --- What is wrong is refused, with the file and the tensor -----------------------------------


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert sentence(nowhere) == f"{nowhere}/config.json: No such file or directory"


def test_no_config(directory: Path) -> None:
    (directory / "config.json").unlink()
    assert sentence(directory) == f"{directory}/config.json: No such file or directory"


def test_no_weights(directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    assert sentence(directory) == f"{directory}/model.safetensors: there are no weights here"


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_truncated_weights(directory: Path, keep: int) -> None:
    """Nothing, a piece of the header's length, a piece of the header, all but the last byte."""
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    said = sentence(directory)
    assert said.startswith(f"{path}: not a whole safetensors file (")
    assert said.endswith("copy or download it again")


@pytest.mark.parametrize("content", [b"not safetensors at all" * 9, bytes(1000), b"\xff" * 1000])
def test_bytes_that_are_not_safetensors(directory: Path, content: bytes) -> None:
    path = directory / "model.safetensors"
    path.write_bytes(content)
    assert sentence(directory).startswith(f"{path}: not a whole safetensors file (")


def test_a_pickle_is_never_opened(directory: Path) -> None:
    """It could run code."""
    path = directory / "model.safetensors"
    torch.save(random_llama().state_dict(), path)
    assert sentence(directory).startswith(f"{path}: not a whole safetensors file (")


def test_one_missing_tensor(directory: Path) -> None:
    gone = "model.layers.1.mlp.up_proj.weight"
    change_tensors(directory, lambda tensors: tensors.pop(gone))
    assert sentence(directory) == f"{directory}/model.safetensors: the tensor {gone} is missing"


def test_many_missing_tensors(directory: Path) -> None:
    def without_layer_1(tensors: Tensors) -> None:
        for name in [name for name in tensors if ".layers.1." in name]:
            del tensors[name]

    change_tensors(directory, without_layer_1)
    assert sentence(directory) == (
        f"{directory}/model.safetensors: "
        "the tensor model.layers.1.input_layernorm.weight and 8 more is missing"
    )


def test_a_missing_head_that_is_not_tied(directory: Path) -> None:
    change_tensors(directory, lambda tensors: tensors.pop("lm_head.weight"))
    said = sentence(directory)
    assert said == f"{directory}/model.safetensors: the tensor lm_head.weight is missing"


@pytest.mark.parametrize(
    "extra", ["model.layers.2.mlp.up_proj.weight", "model.layers.0.self_attn.q_proj.bias", "x"]
)
def test_a_tensor_too_many(directory: Path, extra: str) -> None:
    change_tensors(directory, lambda tensors: tensors.update({extra: torch.zeros(3)}))
    assert sentence(directory) == (
        f"{directory}/model.safetensors: the tensor {extra} has no place in this model"
    )


def test_a_tensor_of_the_wrong_shape(directory: Path) -> None:
    wrong = "model.layers.0.self_attn.k_proj.weight"
    change_tensors(directory, lambda tensors: tensors.update({wrong: torch.zeros(64, 64)}))
    assert sentence(directory) == (
        f"{directory}/model.safetensors: the tensor {wrong} has shape [64, 64], "
        "and config.json makes it [32, 64]"
    )


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool])
def test_a_tensor_that_is_not_of_a_floating_type(directory: Path, dtype: torch.dtype) -> None:
    wrong = "model.norm.weight"
    change_tensors(directory, lambda tensors: tensors.update({wrong: torch.ones(64).to(dtype)}))
    assert sentence(directory) == (
        f"{directory}/model.safetensors: the tensor {wrong} is {dtype}, which it cannot be"
    )


def test_an_int8_checkpoint_with_a_weight_that_is_not_int8(directory: Path) -> None:
    model = random_llama()
    quantize.quantize(model)
    checkpoint.save(model, directory)
    wrong = "lm_head.weight"
    change_tensors(directory, lambda tensors: tensors.update({wrong: tensors[wrong].float()}))
    assert sentence(directory) == (
        f"{directory}/model.safetensors: the tensor {wrong} is torch.float32, which it cannot be"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b"{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b"[1, 2]", "it does not hold a JSON object"),
        (b"\xff\xfe", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_a_config_that_is_not_json(directory: Path, content: bytes, says: str) -> None:
    path = directory / "config.json"
    path.write_bytes(content)
    assert sentence(directory) == f"{path}: {says}"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"model_type": "gpt2"}, "model_type is 'gpt2'; this engine runs 'llama' and 'mistral'"),
        ({"model_type": ...}, "model_type is None; this engine runs 'llama' and 'mistral'"),
        ({"hidden_size": ...}, "the field 'hidden_size' is missing"),
        ({"num_hidden_layers": ...}, "the field 'num_hidden_layers' is missing"),
        ({"vocab_size": "97"}, "vocab must be a positive whole number, not '97'"),
        ({"hidden_size": None}, "dim must be a positive whole number, not None"),
        ({"rms_norm_eps": None}, "norm_eps must be a positive number, not None"),
        ({"rope_theta": "10000"}, "rope_theta must be a positive number, not '10000'"),
        ({"num_key_value_heads": 3}, "4 heads cannot share 3 key/value heads"),
        ({"head_dim": 15}, "heads of an odd size, 15, cannot turn in pairs"),
        ({"head_dim": -16}, "head_size must be a positive whole number, not -16"),
        ({"attention_bias": True}, "linear layers with a bias are not supported"),
        ({"hidden_act": "gelu"}, "the activation 'gelu' is not supported"),
        ({"rope_scaling": {"type": "yarn"}}, "RoPE scaling 'yarn' is not supported"),
        ({"rope_scaling": {"type": "linear"}}, "the field 'factor' is missing"),
        ({"rope_parameters": {"rope_type": "llama3"}}, "the field 'factor' is missing"),
        (
            {"rope_scaling": {"type": "linear", "factor": 0}},
            "RoPE scaling needs positive numbers, not 0",
        ),
        ({"partial_rotary_factor": 0.5}, "heads that turn in part only are not supported"),
        ({"rope_scaling": "linear"}, "RoPE parameters are not 'linear'"),
    ],
)
def test_a_config_that_is_not_a_llama_of_this_engine(
    directory: Path, fields: dict[str, Any], says: str
) -> None:
    change_config(directory, **fields)
    assert sentence(directory) == f"{directory}/config.json: {says}"


def test_a_kind_of_quantisation_that_is_not_ours(directory: Path) -> None:
    change_config(directory, quantization_config={"quant_method": "gptq"})
    assert sentence(directory) == (
        f"{directory}/config.json: the weights are quantised with GPTQ, which this engine does not "
        "read: take the unquantised checkpoint that they were made from, and `workshop quantize` it"
    )


@pytest.fixture
def index(directory: Path) -> Path:
    """The checkpoint's weights in two files, with an index that names them."""
    tensors = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    parts: dict[str, Tensors] = {"a.safetensors": {}, "b.safetensors": {}}
    for name, value in tensors.items():
        parts["a.safetensors" if ".layers." in name else "b.safetensors"][name] = value
    for file, part in parts.items():
        save_file(part, directory / file)
    path = directory / "model.safetensors.index.json"
    where = {name: file for file, part in parts.items() for name in part}
    path.write_text(json.dumps({"weight_map": where}))
    return path


@torch.inference_mode()
def test_weights_in_several_files_are_read(directory: Path, index: Path) -> None:
    loaded = checkpoint.load(directory, torch.float32)
    assert torch.equal(read(loaded, TOKENS), read(random_llama(), TOKENS))


@torch.inference_mode()
def test_several_files_are_found_without_their_index(directory: Path, index: Path) -> None:
    index.unlink()
    for number, name in enumerate(("a.safetensors", "b.safetensors"), 1):
        (directory / name).rename(directory / f"model-{number:05}-of-00002.safetensors")
    loaded = checkpoint.load(directory, torch.float32)
    assert torch.equal(read(loaded, TOKENS), read(random_llama(), TOKENS))


def test_one_of_several_files_is_not_there(directory: Path, index: Path) -> None:
    (directory / "b.safetensors").unlink()
    assert sentence(directory) == f"{directory}/b.safetensors: there are no weights here"


@pytest.mark.parametrize("name", ["../b.safetensors", "/etc/passwd", "deeper/b.safetensors", 7])
def test_an_index_that_names_a_file_outside_the_directory(
    directory: Path, index: Path, name: str | int
) -> None:
    index.write_text(json.dumps({"weight_map": {"model.norm.weight": name}}))
    assert sentence(directory) == f"{index}: {name!r} is not the name of a file beside it"


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"weight_map": {}}', '{"weight_map": 3}', '{"weight_map": [1]}']
)
def test_an_index_that_is_not_one(directory: Path, index: Path, content: str) -> None:
    index.write_text(content)
    assert sentence(directory) == f"{index}: this is not an index of weights"


# --- Writing ----------------------------------------------------------------------------------


def test_saving_leaves_the_checkpoint_and_nothing_else(tmp_path: Path) -> None:
    tokenizer = tmp_path / "some.model"
    tokenizer.write_bytes(b"a tokenizer")
    (tmp_path / "tokenizer_config.json").write_text("{}")  # comes along; what is not known doesn't
    (tmp_path / "notes.txt").write_text("mine")
    for _ in range(2):  # new, and over the old one
        checkpoint.save(random_llama(), tmp_path / "new" / "model", tokenizer)
        assert names(tmp_path / "new" / "model") == {
            "config.json",
            "model.safetensors",
            "tokenizer.model",
            "tokenizer_config.json",
        }
    assert (tmp_path / "new" / "model" / "tokenizer.model").read_bytes() == b"a tokenizer"


def test_whoever_may_read_the_config_may_read_the_weights(directory: Path) -> None:
    """On a cluster a checkpoint is often one's group's."""
    modes = {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert modes == {stat.S_IMODE((directory / "config.json").stat().st_mode)}


@pytest.mark.parametrize("stopped_at", ["model.safetensors.partial", "tokenizer.model.partial"])
@torch.inference_mode()
def test_an_interrupted_save_leaves_the_old_checkpoint(directory: Path, stopped_at: str) -> None:
    """Here writing stops because something stands in a file's way; a full disk does the same."""
    tokenizer = directory / "tokenizer.model"
    tokenizer.write_bytes(b"the old tokenizer")
    other = directory.parent / "new.model"
    other.write_bytes(b"the new tokenizer")
    (directory / stopped_at).mkdir()
    quantized = random_llama(seed=9)
    quantize.quantize(quantized)
    with pytest.raises((CheckpointError, OSError), match=r"(?i)is a directory"):
        checkpoint.save(quantized, directory, other)
    loaded = checkpoint.load(directory, torch.float32)
    assert torch.equal(read(loaded, TOKENS), read(random_llama(), TOKENS))
    assert tokenizer.read_bytes() == b"the old tokenizer"


@torch.inference_mode()
def test_saving_over_a_checkpoint_in_several_files_replaces_it(
    directory: Path, index: Path
) -> None:
    model = random_llama(seed=9)
    checkpoint.save(model, directory)
    loaded = checkpoint.load(directory, torch.float32)
    assert torch.equal(read(loaded, TOKENS), read(model, TOKENS))


@torch.inference_mode()
def test_a_checkpoint_can_be_quantised_into_its_own_place(directory: Path) -> None:
    """The tensors that were read stay valid while their file is replaced."""
    model = checkpoint.load(directory, torch.float32)
    quantize.quantize(model)
    expected = read(model, TOKENS)
    checkpoint.save(model, directory)
    os.sync()
    assert torch.equal(read(model, TOKENS), expected)
    assert torch.equal(read(checkpoint.load(directory, torch.float32), TOKENS), expected)


# --- Random weights ---------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_a_random_model_gives_finite_logits_that_depend_on_what_was_read(
    tied: bool, dtype: torch.dtype
) -> None:
    model = checkpoint.random_model(tiny(tied=tied), dtype)
    assert (model.lm_head.weight is model.embed_tokens.weight) == tied
    assert {p.dtype for p in model.parameters()} == {dtype}
    logits = read(model, random_tokens(40))
    assert logits.isfinite().all()
    assert len(set(logits.argmax(-1).tolist())) > 5


def test_a_random_model_follows_its_seed() -> None:
    def weights(seed: int) -> Llama:
        return checkpoint.random_model(TINY, torch.float32, seed)

    same, again, other = weights(1), weights(1), weights(2)
    for name, value in same.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert furthest(same.lm_head.weight, other.lm_head.weight) > 0.1
