"""A small model's checkpoint as others write it, and what a conversion of it must give."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from llm_builders import random_llama, tiny
from safetensors.torch import save_file
from torch import Tensor

from workshop.llm.config import Config
from workshop.llm.model import Llama
from workshop.llm.weights import checkpoint
from workshop.llm.weights.checkpoint import on_disk
from workshop.llm.weights.fill import needed

# As wide inside as Meta's three numbers make it: 2/3 of 4 * 64 = 170, up to a multiple of 32.
CONFIG = tiny(hidden=192, vocab=98, context=4096)
SMALL_FILES = 60_000  # bytes: several files even of this model


def tensors_of(model: Llama) -> dict[str, Tensor]:
    return {
        on_disk(name): value.detach().clone()
        for name, value in model.state_dict().items()
        if name in needed(model)
    }


def assert_is(directory: Path, model: Llama) -> None:
    """The checkpoint in ``directory`` is this very model."""
    loaded = checkpoint.load(directory)
    assert loaded.config == model.config
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def state_of(directory: Path) -> dict[str, tuple[int, str]]:
    """Everything about the files of a directory that a conversion of it must not change."""
    return {
        path.name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in directory.iterdir()
    }


def hugging_face(model: Llama, directory: Path) -> Path:
    directory.mkdir()
    fields = model.config.to_hugging_face() | {"eos_token_id": 7, "something": "of their own"}
    (directory / "config.json").write_text(json.dumps(fields))
    (directory / "tokenizer.model").write_bytes(b"a tokenizer")
    (directory / "tokenizer_config.json").write_text("{}")
    return directory


def in_two(tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """As they come, the first layer in one and the rest in another."""
    first = {name: value for name, value in tensors.items() if ".layers.0." in name}
    return [first, {name: value for name, value in tensors.items() if name not in first}]


def one_safetensors(model: Llama, directory: Path) -> Path:
    hugging_face(model, directory)
    save_file(tensors_of(model), directory / "model.safetensors")
    return directory


def many_safetensors(model: Llama, directory: Path, index: bool = True) -> Path:
    return many(model, directory, "model", ".safetensors", save_file, index)


def without_an_index(model: Llama, directory: Path) -> Path:
    return many_safetensors(model, directory, index=False)


def one_pickle(model: Llama, directory: Path) -> Path:
    hugging_face(model, directory)
    old = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(8)}
    torch.save(tensors_of(model) | old, directory / "pytorch_model.bin")
    return directory


def many_pickles(model: Llama, directory: Path) -> Path:
    return many(model, directory, "pytorch_model", ".bin", torch.save, True)


def many(
    model: Llama, directory: Path, stem: str, suffix: str, save: Callable, index: bool
) -> Path:
    hugging_face(model, directory)
    where = {}
    for i, tensors in enumerate(in_two(tensors_of(model)), 1):
        name = f"{stem}-{i:05}-of-00002{suffix}"
        save(tensors, directory / name)
        where |= dict.fromkeys(tensors, name)
    if index:
        (directory / f"{stem}{suffix}.index.json").write_text(json.dumps({"weight_map": where}))
    return directory


META = {
    "self_attn.q_proj": "attention.wq",
    "self_attn.k_proj": "attention.wk",
    "self_attn.v_proj": "attention.wv",
    "self_attn.o_proj": "attention.wo",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.down_proj": "feed_forward.w2",
    "mlp.up_proj": "feed_forward.w3",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
    "model.embed_tokens": "tok_embeddings",
    "model.norm": "norm",
    "lm_head": "output",
}


def in_meta_order(name: str, value: Tensor, config: Config) -> Tensor:
    """Row by row: what turns together stands side by side, and not half a head apart."""
    if not name.endswith(("q_proj.weight", "k_proj.weight")):
        return value
    size = config.head_dim
    out = value.clone()
    for row in range(value.shape[0]):
        head, place = divmod(row, size)
        pair, second = divmod(place, 2)
        out[row] = value[head * size + pair + (size // 2 if second else 0)]
    return out


def meta_tensors(model: Llama) -> dict[str, Tensor]:
    found = {}
    for name, value in tensors_of(model).items():
        theirs = name
        for ours, meta in META.items():
            theirs = theirs.replace(f"{ours}.", f"{meta}.")
        found[theirs.removeprefix("model.")] = in_meta_order(name, value, model.config)
    return found | {"rope.freqs": torch.zeros(8)}


COLUMNS = ("wq", "wk", "wv", "w1", "w3", "output")


def meta(model: Llama, directory: Path, parts: int = 1, rows_of_embedding: bool = False) -> Path:
    """``consolidated.NN.pth``, split as Meta splits it, and ``params.json``."""
    (directory / "weights").mkdir(parents=True)
    config = model.config
    for part in range(parts):
        mine = {}
        for name, value in meta_tensors(model).items():
            kind = name.split(".")[-2]
            by_rows = kind in COLUMNS or (kind == "tok_embeddings" and rows_of_embedding)
            if value.dim() < 2:
                mine[name] = value.clone()
            else:
                mine[name] = value.chunk(parts, dim=0 if by_rows else 1)[part].clone()
        torch.save(mine, directory / "weights" / f"consolidated.{part:02}.pth")
    params = {
        "dim": 64,
        "n_layers": 2,
        "n_heads": 4,
        "n_kv_heads": config.kv_heads,
        "multiple_of": 32,
        "norm_eps": config.norm_eps,
        "vocab_size": config.vocab if rows_of_embedding else -1,
    }
    (directory / "weights" / "params.json").write_text(json.dumps(params))
    (directory / "tokenizer.model").write_bytes(b"a tokenizer")  # a folder up, as in Llama 2
    return directory / "weights"


def meta_in_two(model: Llama, directory: Path) -> Path:
    return meta(model, directory, parts=2)


def llama2c(model: Llama, directory: Path) -> Path:
    """As its export.py writes version 0, kind after kind."""
    directory.mkdir()
    (directory / "tokenizer.model").write_bytes(b"a tokenizer")
    config, path = model.config, directory / "stories.bin"
    vocab = config.vocab if config.tied else -config.vocab
    tensors = meta_tensors(model)
    with path.open("wb") as file:
        file.write(
            struct.pack(
                "<7i",
                config.dim,
                config.hidden,
                config.layers,
                config.heads,
                config.kv_heads,
                vocab,
                config.context,
            )
        )

        def put(value: Tensor) -> None:
            file.write(value.numpy().astype("<f4").tobytes())

        put(tensors["tok_embeddings.weight"])
        for kind in (
            "attention_norm",
            "attention.wq",
            "attention.wk",
            "attention.wv",
            "attention.wo",
            "ffn_norm",
            "feed_forward.w1",
            "feed_forward.w2",
            "feed_forward.w3",
        ):
            for layer in range(config.layers):
                put(tensors[f"layers.{layer}.{kind}.weight"])
        put(tensors["norm.weight"])
        put(torch.zeros(config.context, config.head_dim))
        if not config.tied:
            put(tensors["output.weight"])
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return many_safetensors(random_llama(CONFIG), tmp_path / "source")


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new"
