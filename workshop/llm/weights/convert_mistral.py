"""Mistral's own checkpoints, opened to be converted: consolidated.safetensors and params.json.

The tensors have Meta's names, and RoPE turns neighbours as in Meta's; the file is safetensors, and
params.json states the head size and the MLP's width. See ``TransformerArgs`` and ``rope.py`` of
https://github.com/mistralai/mistral-inference.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from workshop.llm.config import Config, ConfigError
from workshop.llm.weights.checkpoint import CONFIG, check, check_none_missing, read_json
from workshop.llm.weights.convert import Origin, Piece
from workshop.llm.weights.convert_hugging_face import wanted_by
from workshop.llm.weights.convert_llama2c import read_in_order
from workshop.llm.weights.convert_meta import (
    PARAMS,
    heads,
    hugging_face_name,
    mlp_width,
    tokenizer_near,
)
from workshop.llm.weights.safetensors_file import CheckpointError, Stored, entries

PATTERN = "consolidated*.safetensors"
CONTEXT = 32768  # where params.json does not state it
# What makes it another model than a plain Llama, where it is anything but null or false.
OTHER = (
    "llama_4_scaling",
    "lora",
    "moe",
    "q_lora_rank",
    "quantization",
    "use_biases",
    "vision_encoder",
    "yarn",
)


def open_mistral(directory: Path) -> Origin:
    """Raises CheckpointError."""
    files, path = sorted(directory.glob(PATTERN)), directory / PARAMS
    if not path.is_file():
        raise CheckpointError(
            f"{files[0]}: Mistral's own layout, which needs {PARAMS} beside it: download that too, "
            "or the checkpoint in Hugging Face's layout"
        )
    params = read_json(path)
    refuse_others(path, params)
    found: dict[str, Stored] = {}
    for file in files:
        found |= entries(file)
    config = read_mistral(path, params, tied="output.weight" not in found)
    wanted = wanted_by(config)
    pieces: dict[str, Piece] = {}
    for theirs, stored in sorted(found.items(), key=lambda item: (item[1].path, item[1].start)):
        name = hugging_face_name(theirs)
        if name not in wanted:
            raise CheckpointError(f"{stored.path}: the tensor {theirs} has no place in this model")
        check(stored.path, name, stored, wanted)
        read = partial(read_in_order, stored, heads(name, config))
        pieces[name] = Piece(name, stored.dtype, stored.shape, read)
    check_none_missing(files[-1], pieces.keys(), wanted)
    return Origin(
        "Mistral's safetensors",
        [*files, path],
        list(pieces.values()),
        {CONFIG: config.to_hugging_face()},
        tokenizer_near(directory),
    )


def refuse_others(path: Path, params: Mapping[str, Any]) -> None:
    """Raises CheckpointError for what is no plain Llama."""
    for key in OTHER:
        if params.get(key) not in (None, False):
            raise CheckpointError(f"{path}: it has {key}, and this engine runs plain Llamas")
    if params.get("model_type", "transformer") != "transformer":
        kind = str(params["model_type"])[:40]
        raise CheckpointError(f"{path}: model_type is {kind!r}, and this engine runs plain Llamas")


def read_mistral(path: Path, params: Mapping[str, Any], tied: bool) -> Config:
    """The shape that a ``params.json`` states; raises CheckpointError."""
    window = params.get("sliding_window")
    # Mistral's code: the first model, which has a window, turns faster than those after it.
    theta = params.get("rope_theta") or (1e6 if window is None else 1e4)
    try:
        dim, query = params["dim"], params["n_heads"]
        size = params.get("head_dim")
        hidden = params.get("hidden_dim")
        if hidden is None:
            hidden = mlp_width(dim, params.get("ffn_dim_multiplier"), params["multiple_of"])
        return Config(
            dim=dim,
            layers=params["n_layers"],
            heads=query,
            kv_heads=params.get("n_kv_heads") or query,
            hidden=hidden,
            vocab=params["vocab_size"],
            context=params.get("max_seq_len") or params.get("max_position_embeddings") or CONTEXT,
            rope_theta=theta,
            norm_eps=params.get("norm_eps", 1e-5),
            tied=tied,
            head_size=None if isinstance(size, int) and size * query == dim else size,
            window=int(window) if isinstance(window, str) else window,
        )
    except KeyError as missing:
        raise CheckpointError(f"{path}: the field {missing} is missing") from None
    except (ConfigError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}") from None
