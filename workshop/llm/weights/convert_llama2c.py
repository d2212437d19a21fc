"""llama2.c's ``stories`` checkpoints (https://github.com/karpathy/llama2.c), to be converted.

Seven numbers, then the weights in fp32, one kind after another over all layers (its run.c,
``memory_map_weights``). RoPE turns neighbours, as in Meta's.
"""

from __future__ import annotations

import struct
from functools import partial
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from workshop.llm.config import Config, ConfigError
from workshop.llm.lfs import is_pointer, sentence
from workshop.llm.weights.checkpoint import CONFIG, check, check_none_missing
from workshop.llm.weights.convert import Origin, Piece
from workshop.llm.weights.convert_hugging_face import wanted_by
from workshop.llm.weights.convert_meta import by_halves, heads, tokenizer_near
from workshop.llm.weights.safetensors_file import CheckpointError, Stored

HEADER = struct.Struct("<7i")
FP32 = 4


def open_llama2c(path: Path) -> Origin:
    """Raises CheckpointError."""
    if is_pointer(path):
        raise CheckpointError(sentence(path))
    with path.open("rb") as file:
        head = file.read(HEADER.size)
    if len(head) < HEADER.size:
        raise CheckpointError(f"{path}: this is not a checkpoint of llama2.c")
    dim, hidden, layers, query, kv, vocab, context = HEADER.unpack(head)
    try:
        # A vocabulary with a minus: the head is not shared with the embedding.
        config = Config(dim, layers, query, kv, hidden, abs(vocab), context, tied=vocab > 0)
    except ConfigError as error:
        raise CheckpointError(f"{path}: this is not a checkpoint of llama2.c ({error})") from None
    wanted = wanted_by(config)
    pieces: dict[str, Piece] = {}
    end = HEADER.size
    for name, shape in layout(config):
        start, end = end, end + FP32 * prod(shape)
        if name:
            stored = Stored(path, name, torch.float32, shape, start)
            check(path, name, stored, wanted)
            read = partial(read_in_order, stored, heads(name, config))
            pieces[name] = Piece(name, stored.dtype, shape, read)
    if path.stat().st_size != end:
        raise CheckpointError(
            f"{path}: {path.stat().st_size} bytes, and a checkpoint of llama2.c of that shape has "
            f"{end}; copy or download it again"
        )
    check_none_missing(path, pieces.keys(), wanted)
    files = tokenizer_near(path.parent)
    return Origin(
        "llama2.c's", [path], list(pieces.values()), {CONFIG: config.to_hugging_face()}, files
    )


def layout(config: Config) -> list[tuple[str, tuple[int, ...]]]:
    """What lies in the file, one after another; a name of '' is not needed."""
    dim, hidden, kv_dim = config.dim, config.hidden, config.kv_heads * config.head_dim
    kinds: list[tuple[str, tuple[int, ...]]] = [
        ("input_layernorm", (dim,)),
        ("self_attn.q_proj", (dim, dim)),
        ("self_attn.k_proj", (kv_dim, dim)),
        ("self_attn.v_proj", (kv_dim, dim)),
        ("self_attn.o_proj", (dim, dim)),
        ("post_attention_layernorm", (dim,)),
        ("mlp.gate_proj", (hidden, dim)),
        ("mlp.down_proj", (dim, hidden)),
        ("mlp.up_proj", (hidden, dim)),
    ]
    found: list[tuple[str, tuple[int, ...]]] = [("model.embed_tokens.weight", (config.vocab, dim))]
    for kind, shape in kinds:
        found += [(f"model.layers.{i}.{kind}.weight", shape) for i in range(config.layers)]
    found.append(("model.norm.weight", (dim,)))
    found.append(("", (config.context, config.head_dim)))  # cosines and sines of RoPE
    return found if config.tied else [*found, ("lm_head.weight", (config.vocab, dim))]


def read_in_order(stored: Stored, heads: int | None) -> Tensor:
    value = stored.read()
    return value if heads is None else by_halves(value, heads)
