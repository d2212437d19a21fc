"""Meta's own checkpoints, opened to be converted: consolidated.NN.pth and params.json.

They differ from Hugging Face's in three ways:

* A model of several parts is split for tensor parallelism: a tensor's parts lie side by side.
* RoPE turns neighbours, (0, 1), (2, 3) ..., and not (i, i + D/2): the rows of q and k are in
  another order, which ``by_halves`` undoes.
* The MLP's width is not said, but follows from three other numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workshop.llm.config import Config, ConfigError, RopeScaling
from workshop.llm.lfs import is_pointer, sentence
from workshop.llm.weights.checkpoint import (
    CONFIG,
    GENERATION,
    TOKENIZER,
    check,
    check_none_missing,
    read_json,
)
from workshop.llm.weights.convert import Origin, Piece
from workshop.llm.weights.convert_hugging_face import read_pickle, wanted_by
from workshop.llm.weights.safetensors_file import CheckpointError

PARAMS = "params.json"
LLAMA_3_VOCAB = 128256
LLAMA_3_STOPS = [128001, 128009]  # the end of a text, the end of a turn
LLAMA_3_2_WIDEST = 3072

NAMES = {
    "tok_embeddings": "model.embed_tokens",
    "norm": "model.norm",
    "output": "lm_head",
    "attention_norm": "input_layernorm",
    "attention.wq": "self_attn.q_proj",
    "attention.wk": "self_attn.k_proj",
    "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "feed_forward.w1": "mlp.gate_proj",
    "feed_forward.w2": "mlp.down_proj",
    "feed_forward.w3": "mlp.up_proj",
}


def hugging_face_name(name: str) -> str:
    """``layers.3.attention.wq.weight`` is ``model.layers.3.self_attn.q_proj.weight``."""
    prefix, rest = "", name.removesuffix(".weight")
    layer = re.fullmatch(r"layers\.(\d+)\.(.*)", rest)
    if layer:
        prefix, rest = f"model.layers.{layer[1]}.", layer[2]
    return f"{prefix}{NAMES[rest]}.weight" if rest in NAMES else name


def by_halves(weight: Tensor, heads: int) -> Tensor:
    """Rows of q or k [H*D, dim]: those that turn together D/2 apart, which were neighbours."""
    return weight.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2)


def open_meta(directory: Path) -> Origin:
    """Raises CheckpointError."""
    files = sorted(directory.glob("consolidated.*.pth"))
    params = read_json(directory / PARAMS)
    parts = [read_pickle(path) for path in files]
    config = read_params(directory / PARAMS, params, parts)
    wanted = wanted_by(config)
    pieces: dict[str, Piece] = {}
    for theirs in parts[0]:
        name = hugging_face_name(theirs)
        if theirs == "rope.freqs" or (name == "lm_head.weight" and config.tied):
            continue
        for path, part in zip(files, parts, strict=True):
            if theirs not in part:
                raise CheckpointError(f"{path}: the tensor {theirs} is missing")
        values = [part[theirs] for part in parts]
        first = values[0]
        if name not in wanted:
            raise CheckpointError(f"{files[0]}: the tensor {theirs} has no place in this model")
        shape = tuple(wanted[name].shape)
        dim = joint(files[0], theirs, first, shape, len(parts))
        for path, value in zip(files, values, strict=True):
            if value.shape != first.shape or value.dtype != first.dtype:
                raise CheckpointError(
                    f"{path}: the tensor {theirs} is {value.dtype} {list(value.shape)}, and in "
                    f"{files[0].name} it is {first.dtype} {list(first.shape)}"
                )
        whole = torch.empty(shape, dtype=first.dtype, device="meta")
        check(files[0], name, whole, wanted)
        pieces[name] = Piece(
            name, first.dtype, shape, partial(merged, values, dim, heads(name, config))
        )
    check_none_missing(files[-1], pieces.keys(), wanted)
    documents: dict[str, Any] = {CONFIG: config.to_hugging_face()}
    if config.vocab == LLAMA_3_VOCAB:
        documents[GENERATION] = {"eos_token_id": LLAMA_3_STOPS}
    return Origin(
        f"Meta's, in {len(files)} part{'s' if len(files) > 1 else ''}",
        [*files, directory / PARAMS],
        list(pieces.values()),
        documents,
        tokenizer_near(directory),
    )


def tokenizer_near(directory: Path) -> dict[str, Path]:
    """Meta's downloads have the tokenizer beside the weights, or one folder up.

    Raises:
        CheckpointError: it was not downloaded.
    """
    places = (directory / TOKENIZER, directory.parent / TOKENIZER)
    found = next((path for path in places if path.is_file()), None)
    if found is None:  # Mistral's: tokenizer.model.v3
        found = max(directory.glob(f"{TOKENIZER}.v[0-9]"), default=None)
    if found is not None and is_pointer(found):
        raise CheckpointError(sentence(found))
    return {} if found is None else {TOKENIZER: found}


def heads(name: str, config: Config) -> int | None:
    """How many heads the rows of a weight have to be put in order for; None for most weights."""
    if name.endswith("q_proj.weight"):
        return config.heads
    return config.kv_heads if name.endswith("k_proj.weight") else None


def joint(path: Path, name: str, part: Tensor, shape: Sequence[int], parts: int) -> int | None:
    """Along which dimension the parts of a tensor are split; None where each has the whole of it.

    Raises:
        CheckpointError: they do not make up a tensor of that shape.
    """
    if part.shape == torch.Size(shape):
        return None
    for dim in range(part.dim()):
        whole = list(part.shape)
        whole[dim] *= parts
        if whole == list(shape):
            return dim
    raise CheckpointError(
        f"{path}: the tensor {name} has shape {list(part.shape)}, and {parts} such parts do not "
        f"make the {list(shape)} that {PARAMS} says"
    )


def merged(values: list[Tensor], dim: int | None, heads: int | None) -> Tensor:
    whole = values[0] if dim is None else torch.cat(values, dim)
    return whole if heads is None else by_halves(whole, heads)


def read_params(path: Path, params: dict[str, Any], parts: Sequence[dict[str, Tensor]]) -> Config:
    """The shape that a ``params.json`` says; raises CheckpointError."""
    for key in ("quantization_args", "lora_args", "vision_chunk_size", "moe_args"):
        if params.get(key) is not None:
            raise CheckpointError(f"{path}: it has {key}, and this engine runs plain Llamas")
    head, embedding = parts[0].get("output.weight"), parts[0].get("tok_embeddings.weight")
    # Llama 3.2 shares the embedding with the head, and stores it twice.
    tied = head is None or (embedding is not None and is_same(head, embedding))
    try:
        dim, vocab = params["dim"], params.get("vocab_size", -1)
        theta = params.get("rope_theta", 10000.0)
        if vocab == -1 and embedding is not None:  # Llama 2 leaves it to the tokenizer
            # Its embedding is split by columns; Llama 3's, by rows, says how many there are.
            vocab = embedding.shape[0]
        scaling = RopeScaling(rope_factor(params), 1.0, 4.0, 8192) if is_long(params) else None
        return Config(
            dim=dim,
            layers=params["n_layers"],
            heads=params["n_heads"],
            kv_heads=params.get("n_kv_heads") or params["n_heads"],
            hidden=mlp_width(dim, params.get("ffn_dim_multiplier"), params["multiple_of"]),
            vocab=vocab,
            context=context(params, theta),
            rope_theta=theta,
            norm_eps=params.get("norm_eps", 1e-5),
            tied=tied,
            rope_scaling=scaling,
        )
    except KeyError as missing:
        raise CheckpointError(f"{path}: the field {missing} is missing") from None
    except (ConfigError, TypeError) as error:
        raise CheckpointError(f"{path}: {error}") from None


def is_same(head: Tensor, embedding: Tensor) -> bool:
    """Whether two tensors are equal; a look at the first row spares most from being read."""
    if head.shape != embedding.shape or head.dtype != embedding.dtype:
        return False
    return torch.equal(head[:1], embedding[:1]) and torch.equal(head, embedding)


def mlp_width(dim: int, multiplier: float | None, multiple_of: int) -> int:
    """Two thirds of four times the width, a bit more, rounded up: as Meta's model.py has it."""
    hidden = int(2 * 4 * dim / 3)
    if multiplier is not None:
        hidden = int(multiplier * hidden)
    return -(-hidden // multiple_of) * multiple_of


def is_long(params: dict[str, Any]) -> bool:
    """Whether it is Llama 3.1 or 3.2, whose RoPE is scaled for a longer context."""
    return bool(params.get("use_scaled_rope"))


def rope_factor(params: dict[str, Any]) -> float:
    """What Hugging Face's config.json says of these models: 32 for Llama 3.2, 8 for 3.1."""
    small = params["dim"] <= LLAMA_3_2_WIDEST
    return params.get("rope_scaling_factor") or (32.0 if small else 8.0)


def context(params: dict[str, Any], theta: float) -> int:
    """Which ``params.json`` does not say, but the generation does: 3.1, CodeLlama, 3, or 2."""
    if is_long(params):
        return 131072
    return {1e6: 16384, 5e5: 8192}.get(theta, 4096)
