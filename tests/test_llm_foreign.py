"""Checkpoints of other programs and folders: read where that is plain, else one clear sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from convert_builders import assert_is, meta_tensors, one_pickle, one_safetensors, tensors_of
from llm_builders import random_llama, random_tokens, read, tiny
from safetensors.torch import save_file
from torch import Tensor

from workshop.llm.text.errors import TokenizerError
from workshop.llm.text.tokenizer import Tokenizer
from workshop.llm.weights import checkpoint
from workshop.llm.weights.checkpoint import CheckpointError
from workshop.llm.weights.convert import convert
from workshop.llm.weights.convert_source import open_source
from workshop.runner.models import EMBEDDED, find_model
from workshop.runner.plan import plan
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

MODEL = random_llama(tiny())
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    "size 13476851\n"
)
LFS = (
    ": a Git LFS pointer stands in place of the file: run `git lfs pull` in its repository, or "
    "download the file itself"
)
WAY_OUT = (
    ", which this engine does not read: take the unquantised checkpoint that they were made from, "
    "and `workshop quantize` it"
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A checkpoint in which nothing is wrong, yet, with the embedded model's tokenizer."""
    checkpoint.save(MODEL, tmp_path / "model")
    return tmp_path / "model"


def sentence(call: Callable[[], object]) -> str:
    with pytest.raises((CheckpointError, UsageError, TokenizerError)) as refused:
        call()
    said = str(refused.value)
    assert "\n" not in said
    assert len(said) < 600
    return said


def loading(directory: Path) -> str:
    return sentence(lambda: checkpoint.load(directory))


def converting(directory: Path) -> str:
    return sentence(lambda: open_source(directory))


def change_config(directory: Path, **fields: Any) -> Path:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return path


# --- Quantised by another program ----------------------------------------------------------------

BNB = {
    "quant_method": "bitsandbytes",
    "load_in_4bit": True,
    "load_in_8bit": False,
    "llm_int8_skip_modules": [f"model.layers.{i}.mlp" for i in range(300)],
}
METHODS = [
    ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "GPTQ (4 bits)"),
    ({"quant_method": "awq", "bits": 4, "version": "gemm"}, "AWQ (4 bits)"),
    ({"w_bit": 4, "q_group_size": 128}, "AWQ (4 bits)"),
    (BNB, "bitsandbytes (4 bits)"),
    ({"load_in_8bit": True}, "bitsandbytes (8 bits)"),
    ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "FP8"),
    ({"quant_method": "fbgemm_fp8", "modules_to_not_convert": ["x"] * 900}, "FP8 (FBGEMM)"),
    ({"quant_method": "compressed-tensors", "config_groups": {}}, "compressed-tensors"),
    ({"config_groups": {"group_0": {}}, "format": "pack-quantized"}, "compressed-tensors"),
    ({"quant_method": "torchao", "quant_type": {"default": {"_data": {}}}}, "torchao"),
    ({"quant_method": "gguf"}, "GGUF"),
    ({"quant_method": "hqq"}, "HQQ"),
    ({"quant_method": "mxfp4"}, "MXFP4"),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "ModelOpt"),
    ({"quant_method": "something new"}, "'something new'"),
    ({"quant_method": "x" * 5000}, f"'{'x' * 40}...'"),
    ({"quant_method": "two\nlines"}, r"'two\nlines'"),
    ({"quant_method": 3, "bits": "many"}, "a method that it does not name"),
    ({}, "a method that it does not name"),
    ("int4", "a method that it does not name"),
    ({"quant_method": "workshop-int4", "group_size": 7}, "'workshop-int4'"),
]


@pytest.mark.parametrize(("said", "method"), METHODS, ids=[method for _, method in METHODS])
def test_a_quantised_checkpoint_is_refused_by_the_name_of_its_method(
    directory: Path, said: Any, method: str
) -> None:
    path = change_config(directory, quantization_config=said)
    expected = f"{path}: the weights are quantised with {method}{WAY_OUT}"
    assert loading(directory) == converting(directory) == expected


def test_the_method_under_its_older_name(directory: Path) -> None:
    path = change_config(directory, compression_config={"quant_method": "compressed-tensors"})
    assert loading(directory).startswith(f"{path}: the weights are quantised with compressed-tens")


@pytest.mark.parametrize(
    ("name", "content", "method"),
    [
        ("quantize_config.json", {"bits": 4, "desc_act": False}, "GPTQ"),
        ("quantize_config.json", {"quant_method": "awq"}, "AWQ"),
        ("quant_config.json", {"w_bit": 4}, "AWQ"),
        ("hf_quant_config.json", {"producer": {"name": "modelopt"}}, "ModelOpt"),
    ],
)
def test_the_method_in_a_file_of_its_own(
    directory: Path, name: str, content: Any, method: str
) -> None:
    (directory / name).write_text(json.dumps(content))
    expected = f"{directory / name}: the weights are quantised with {method}{WAY_OUT}"
    assert loading(directory) == converting(directory) == expected


UP = "model.layers.0.mlp.up_proj"
TENSORS: dict[str, dict[str, Tensor]] = {
    "GPTQ": {
        f"{UP}.qweight": torch.zeros(8, 96, dtype=torch.int32),
        f"{UP}.g_idx": torch.zeros(64, dtype=torch.int32),
    },
    "GPTQ or AWQ": {
        f"{UP}.qweight": torch.zeros(64, 12, dtype=torch.int32),
        f"{UP}.qzeros": torch.zeros(2, 12, dtype=torch.int32),
        f"{UP}.scales": torch.zeros(2, 96, dtype=torch.float16),
    },
    "bitsandbytes": {
        f"{UP}.weight": torch.zeros(3072, 1, dtype=torch.uint8),
        f"{UP}.weight.absmax": torch.zeros(96),
        f"{UP}.weight.quant_state.bitsandbytes__nf4": torch.zeros(80, dtype=torch.uint8),
    },
    "compressed-tensors": {
        f"{UP}.weight_packed": torch.zeros(96, 8, dtype=torch.int32),
        f"{UP}.weight_scale": torch.zeros(96, 1),
    },
    "FP8": {f"{UP}.weight": torch.zeros(96, 64).to(torch.float8_e4m3fn)},
    "FP8 or a like method": {f"{UP}.weight_scale_inv": torch.zeros(1, 1)},
}


@pytest.mark.parametrize("method", TENSORS)
def test_the_method_that_the_tensors_betray(directory: Path, method: str) -> None:
    path = directory / "model.safetensors"
    kept = {name: value for name, value in tensors_of(MODEL).items() if UP not in name}
    save_file(kept | TENSORS[method], path)
    expected = f"{path}: the weights are quantised with {method}{WAY_OUT}"
    assert loading(directory) == converting(directory) == expected


def test_gguf(tmp_path: Path) -> None:
    path = tmp_path / "model.Q4_K_M.gguf"
    path.write_bytes(b"GGUF")
    expected = (
        f"{path}: a GGUF file, which this engine does not read: take the checkpoint in safetensors "
        "that it was made from, and `workshop quantize` it"
    )
    for named in (path, tmp_path):
        assert converting(named) == expected
        assert sentence(lambda named=named: find_model(str(named))) == expected


# --- Git LFS pointers ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_pointer_in_place_of_a_file_of_the_model(directory: Path, name: str) -> None:
    (directory / name).write_text(POINTER)
    assert loading(directory) == converting(directory) == f"{directory / name}{LFS}"


def test_a_pointer_in_place_of_an_index(directory: Path) -> None:
    path = directory / "model.safetensors.index.json"
    path.write_text(POINTER)
    assert loading(directory) == converting(directory) == f"{path}{LFS}"


def test_a_pointer_in_place_of_a_pickle(tmp_path: Path) -> None:
    path = one_pickle(MODEL, tmp_path / "source") / "pytorch_model.bin"
    path.write_text(POINTER)
    assert converting(path.parent) == f"{path}{LFS}"


def test_a_pointer_in_place_of_a_file_of_llama2c(tmp_path: Path) -> None:
    path = tmp_path / "stories15M.bin"
    path.write_text(POINTER)
    assert converting(path) == f"{path}{LFS}"


@pytest.mark.parametrize("name", ["tokenizer.model", "tokenizer.json"])
def test_a_pointer_in_place_of_a_tokenizer(directory: Path, name: str) -> None:
    path = directory / name
    path.write_text(POINTER)
    assert sentence(lambda: Tokenizer(path)) == f"{path}{LFS}"
    assert converting(directory) == f"{path}{LFS}", "it would be copied as it is"
    assert sentence(lambda: checkpoint.save(MODEL, directory / "new", path)) == f"{path}{LFS}"
    assert not (directory / "new" / "config.json").exists()


# --- The cache of the Hugging Face hub -----------------------------------------------------------

COMMIT, OLDER = "b" * 40, "a" * 40


@pytest.fixture
def cached(tmp_path: Path, directory: Path) -> Path:
    """A model in the hub's cache: snapshots of links to files named after their contents."""
    cache = tmp_path / "hub" / "models--example--small-llama"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(COMMIT)
    (cache / "blobs").mkdir()
    for commit in (COMMIT, OLDER):
        snapshot = cache / "snapshots" / commit
        snapshot.mkdir(parents=True)
        for path in directory.iterdir():
            blob = cache / "blobs" / f"{commit[:5]}{path.name}"
            shutil.copy(path, blob)
            (snapshot / path.name).symlink_to(Path("..", "..", "blobs", blob.name))
    (cache / "snapshots" / OLDER / "config.json").unlink()
    return cache


def test_a_folder_of_the_cache_is_the_snapshot_of_its_main_branch(cached: Path) -> None:
    for named in (cached, cached / "snapshots", cached / "snapshots" / COMMIT):
        found = find_model(str(named))
        assert found.directory == cached / "snapshots" / COMMIT
        assert found.name == "small-llama"
        assert len(open_source(named).pieces) == len(tensors_of(MODEL))
    assert_is(cached / "snapshots" / COMMIT, MODEL)


def test_the_only_snapshot_needs_no_branch(cached: Path) -> None:
    (cached / "refs" / "main").unlink()
    shutil.rmtree(cached / "snapshots" / OLDER)
    assert find_model(str(cached)).directory == cached / "snapshots" / COMMIT


@pytest.mark.parametrize("content", [None, b"c" * 40, b"../../..", b"", b"\xff", b"x" * 10**6])
def test_a_cache_that_names_no_snapshot_of_several(cached: Path, content: bytes | None) -> None:
    reference = cached / "refs" / "main"
    reference.unlink() if content is None else reference.write_bytes(content)
    said = sentence(lambda: find_model(str(cached)))
    assert said.startswith((f"{cached}: 2 snapshots of a model", f"{reference}: it names a snap"))
    assert COMMIT in said


def test_a_cache_with_nothing_in_it(cached: Path) -> None:
    shutil.rmtree(cached / "snapshots")
    (cached / "snapshots").mkdir()
    assert sentence(lambda: find_model(str(cached))) == (
        f"{cached}: the cache of a model, with no snapshot of it in it"
    )


def test_the_whole_cache(cached: Path) -> None:
    assert converting(cached.parent) == (
        f"{cached.parent}: this is the cache of 1 model: name one of its folders, {cached.name}"
    )


# --- Adapters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (
            {"peft_type": "LORA", "base_model_name_or_path": "example/llama"},
            "a LoRA adapter to 'example/llama'",
        ),
        ({"peft_type": "IA3"}, "an adapter (IA3)"),
        ({}, "a LoRA adapter"),
        ([], "a LoRA adapter"),
        ({"base_model_name_or_path": "x" * 9999}, f"a LoRA adapter to '{'x' * 80}'"),
    ],
    ids=str,
)
def test_an_adapter(tmp_path: Path, content: Any, what: str) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps(content))
    save_file({"base_model.model.x.lora_A.weight": torch.zeros(2, 2)},
              tmp_path / "adapter_model.safetensors")  # fmt: skip
    expected = (
        f"{tmp_path}: {what}, and no whole model: merge it into that model with PEFT "
        "(merge_and_unload, then save_pretrained) and name the folder of the result"
    )
    assert converting(tmp_path) == sentence(lambda: find_model(str(tmp_path))) == expected
    assert sentence(lambda: plan(Settings("baseline", model=str(tmp_path)))) == expected


def test_an_adapter_or_gguf_beside_the_config_of_its_model(directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    (directory / "model.gguf").write_bytes(b"GGUF")
    assert ": a GGUF file, which" in converting(directory)
    (directory / "adapter_config.json").write_text("{}")
    assert ": a LoRA adapter, and no whole model" in converting(directory)


def test_a_whole_model_with_an_adapter_beside_it_is_read(directory: Path) -> None:
    (directory / "adapter_config.json").write_text("{}")
    assert find_model(str(directory)).directory == directory


# --- Names ---------------------------------------------------------------------------------------

RENAMED: dict[str, Callable[[str], str]] = {
    "without model.": lambda name: name.removeprefix("model."),
    "compiled": lambda name: f"_orig_mod.{name}",
    "of DataParallel": lambda name: f"module.{name}",
    "inner model of several wrappers": lambda name: (
        f"module._orig_mod.{name[6:]}" if name.startswith("model.") else f"module._orig_mod.{name}"
    ),
}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("how", RENAMED)
@pytest.mark.parametrize("kind", ["safetensors", "pickle"])
def test_names_with_more_or_less_before_them(
    tmp_path: Path, how: str, kind: str, tied: bool
) -> None:
    model = random_llama(tiny(tied=tied))
    tensors = {RENAMED[how](name): value for name, value in tensors_of(model).items()}
    if tied:  # stored once more, as some do
        tensors[RENAMED[how]("lm_head.weight")] = model.embed_tokens.weight.detach().clone()
    if kind == "pickle":
        source = one_pickle(model, tmp_path / "source")
        torch.save(tensors, source / "pytorch_model.bin")
    else:
        source = one_safetensors(model, tmp_path / "source")
        save_file(tensors, source / "model.safetensors")
        assert_is(source, model)
    convert(open_source(source), tmp_path / "new")
    assert_is(tmp_path / "new", model)


def test_a_tensor_under_two_names(directory: Path) -> None:
    tensors = tensors_of(MODEL)
    path = directory / "model.safetensors"
    save_file(tensors | {"norm.weight": tensors["model.norm.weight"].clone()}, path)
    assert (
        loading(directory)
        == converting(directory)
        == (f"{path}: the tensors model.norm.weight and norm.weight are the same one, twice")
    )


# --- Numbers that are none -----------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["model.layers.1.mlp.up_proj.weight", "model.norm.weight"])
def test_weights_that_are_no_numbers(
    tmp_path: Path, value: float, dtype: torch.dtype, name: str
) -> None:
    tensors = {key: each.to(dtype) for key, each in tensors_of(MODEL).items()}
    tensors[name].view(-1)[-1] = value
    source = one_safetensors(MODEL, tmp_path / "source")
    path = source / "model.safetensors"
    save_file(tensors, path)
    kind = "NaN" if value != value else "infinity"
    expected = (
        f"the tensor {name} holds {kind}, so the model's answers would be meaningless: copy or "
        "download it again, or take an earlier checkpoint of the training"
    )
    assert loading(source) == f"{path}: {expected}"
    said = sentence(lambda: convert(open_source(source), tmp_path / "new"))
    assert said.endswith(expected)
    assert not (tmp_path / "new" / "config.json").exists()


def test_the_largest_and_smallest_numbers_are_numbers(tmp_path: Path) -> None:
    tensors = tensors_of(MODEL)
    edge = torch.finfo(torch.float32)
    tensors["model.norm.weight"][:4] = torch.tensor([edge.max, edge.min, edge.tiny, 0.0])
    source = one_safetensors(MODEL, tmp_path / "source")
    save_file(tensors, source / "model.safetensors")
    assert checkpoint.load(source).norm.weight[0] == edge.max


# --- Mistral's own layout ------------------------------------------------------------------------


def mistral(model: Any, directory: Path, **fields: Any) -> Path:
    config = model.config
    directory.mkdir()
    tensors = {name: v for name, v in meta_tensors(model).items() if name != "rope.freqs"}
    save_file({n: v.contiguous() for n, v in tensors.items()},
              directory / "consolidated.safetensors")  # fmt: skip
    params = {
        "dim": config.dim,
        "n_layers": config.layers,
        "head_dim": config.head_dim,
        "hidden_dim": config.hidden,
        "n_heads": config.heads,
        "n_kv_heads": config.kv_heads,
        "norm_eps": config.norm_eps,
        "vocab_size": config.vocab,
        "rope_theta": config.rope_theta,
        **fields,
    }
    (directory / "params.json").write_text(
        json.dumps({name: value for name, value in params.items() if value is not ...})
    )
    shutil.copy(EMBEDDED / "draft" / "tokenizer.model", directory / "tokenizer.model.v3")
    return directory


@pytest.mark.parametrize(
    "config",
    [
        tiny(context=32768, rope_theta=1e6),
        tiny(context=32768, head_size=24, kv_heads=1),
        tiny(context=32768, window=64),
        tiny(context=32768, tied=True),
    ],
    ids=["a head of its own size", "larger heads", "a window", "a tied head"],
)
@torch.inference_mode()
def test_mistral_s_own_layout_is_converted(tmp_path: Path, config: Any) -> None:
    from transformers import AutoModelForCausalLM

    model = random_llama(config)
    source = mistral(model, tmp_path / "source", sliding_window=config.window)
    convert(open_source(source), tmp_path / "new")
    assert_is(tmp_path / "new", model)
    assert Tokenizer(tmp_path / "new" / "tokenizer.model").vocab == 1024
    tokens = random_tokens(20)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "new", dtype=torch.float32).eval()
    assert (theirs(torch.tensor([tokens])).logits[0] - read(model, tokens)).abs().max() < 1e-4


@pytest.mark.parametrize(("window", "theta"), [(None, 1e6), (64, 1e4)])
def test_the_rope_base_that_mistral_leaves_out(
    tmp_path: Path, window: int | None, theta: float
) -> None:
    model = random_llama(tiny(context=32768, rope_theta=theta, window=window))
    fields = {"rope_theta": ..., "sliding_window": ... if window is None else window}
    convert(open_source(mistral(model, tmp_path / "source", **fields)), tmp_path / "new")
    assert_is(tmp_path / "new", model)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"moe": {"num_experts": 8}}, "it has moe, and this engine runs plain Llamas"),
        ({"vision_encoder": {}}, "it has vision_encoder, and this engine runs plain Llamas"),
        ({"model_type": "mamba"}, "model_type is 'mamba', and this engine runs plain Llamas"),
        ({"dim": ...}, "the field 'dim' is missing"),
        ({"dim": "64"}, ""),
        ({"n_heads": 0}, "heads must be a positive whole number, not 0"),
        ({"sliding_window": "wide"}, "invalid literal for int() with base 10: 'wide'"),
        ({"sliding_window": [64, None]}, "window must be a positive whole number"),
        ({"head_dim": "x"}, "head_size must be a positive whole number, not 'x'"),
    ],
    ids=str,
)
def test_a_mistral_that_is_no_plain_llama(tmp_path: Path, fields: dict, says: str) -> None:
    source = mistral(MODEL, tmp_path / "source", **fields)
    said = converting(source)
    assert said.startswith(f"{source / 'params.json'}: {says}")


def test_mistral_s_layout_without_params(tmp_path: Path) -> None:
    source = mistral(MODEL, tmp_path / "source")
    (source / "params.json").unlink()
    assert converting(source) == (
        f"{source / 'consolidated.safetensors'}: Mistral's own layout, which needs params.json "
        "beside it: download that too, or the checkpoint in Hugging Face's layout"
    )


def test_mistral_s_layout_is_to_be_converted(tmp_path: Path) -> None:
    source = mistral(MODEL, tmp_path / "source")
    assert sentence(lambda: find_model(str(source))) == (
        f"the weights in {source} are in Mistral's own layout, which is converted once: "
        f"workshop convert {source} -o DIR"
    )


def test_both_layouts_in_one_folder(directory: Path) -> None:
    """As in Mistral's repositories: Hugging Face's is read."""
    save_file({"norm.weight": torch.zeros(3)}, directory / "consolidated.safetensors")
    assert find_model(str(directory)).directory == directory
    assert_is(directory, MODEL)
    assert open_source(directory).kind == "Hugging Face's safetensors"


# --- Tokens past the vocabulary ------------------------------------------------------------------


def with_pad(directory: Path, beside: dict[str, Any]) -> Path:
    """The embedded draft with a token that its vocabulary of 1024 has no room for."""
    directory.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.model"):
        shutil.copy(EMBEDDED / "draft" / name, directory)
    for name, content in beside.items():
        (directory / name).write_text(json.dumps(content))
    return directory


@pytest.mark.parametrize(
    "beside",
    [
        {"added_tokens.json": {"[PAD]": 1024}},
        {"tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "pad_token": "[PAD]"}},
        {"special_tokens_map.json": {"pad_token": "[PAD]"}},
    ],
    ids=str,
)
def test_a_pad_token_that_is_not_used_is_no_reason_to_refuse(
    tmp_path: Path, beside: dict[str, Any]
) -> None:
    source = with_pad(tmp_path / "a", beside)
    made = plan(Settings("baseline", model=str(source), prompt="Hello, my name is", new_tokens=4))
    assert made.tokenizer.vocab == 1025
    assert max(made.prompts[0]) < 1024


def test_a_pad_token_in_a_tokenizer_json(tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Library

    source = with_pad(tmp_path / "a", {})
    (source / "tokenizer.model").unlink()
    library = Library.from_file(str(EMBEDDED / "draft" / "tokenizer.json"))
    library.add_special_tokens(["[PAD]"])
    library.save(str(source / "tokenizer.json"))
    made = plan(Settings("baseline", model=str(source), prompt="Hello, my name is", new_tokens=4))
    assert made.tokenizer.vocab == 1025


def test_a_token_past_the_vocabulary_that_a_prompt_needs_is_refused(tmp_path: Path) -> None:
    source = with_pad(tmp_path / "a", {"added_tokens.json": {"<|im_start|>": 1024}})
    (source / "special_tokens_map.json").write_text(
        json.dumps({"additional_special_tokens": ["<|im_start|>"]})
    )
    (source / "chat_template.jinja").write_text("<|im_start|>{{ messages[0].content }}")
    said = sentence(lambda: plan(Settings("baseline", model=str(source), prompt="Hi", chat=True)))
    assert said == (
        f"{source / 'tokenizer.model'} gives '<|im_start|>' the id 1024, and the model has 1024 "
        "tokens: this is not the tokenizer that the model was trained with"
    )
