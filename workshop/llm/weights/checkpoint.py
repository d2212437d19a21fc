"""Checkpoints: a directory with config.json, model.safetensors and a tokenizer.

The layout and the tensors' names are those of Hugging Face's Llama, so a checkpoint of theirs
(one file or several with an index) loads here and ours loads there. A quantised checkpoint has,
for each linear layer, the tensors of ``int8.py`` or ``int4.py``, and says so in its config.json.
Only safetensors are read: unlike a pickle, they cannot run code.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workshop.llm import lfs
from workshop.llm.config import Config, ConfigError, read_config, read_object
from workshop.llm.model import Llama
from workshop.llm.quantization.quantize import Quantization, quantization_of
from workshop.llm.ranks.part import WHOLE, Part, Slice
from workshop.llm.weights import foreign
from workshop.llm.weights.fill import Make, empty, fill, is_tied, needed, part_of
from workshop.llm.weights.finite import check_finite
from workshop.llm.weights.names import canonical, check_new
from workshop.llm.weights.random_weights import random_model
from workshop.llm.weights.safetensors_file import CheckpointError, Stored, ahead, entries, write

__all__ = ["CheckpointError", "load", "quantization", "random_model", "save", "shape", "size"]

CONFIG = "config.json"
GENERATION = "generation_config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.model"
TOKENIZER_JSON = "tokenizer.json"
# What belongs to the text and not to the weights, under the names that Hugging Face gives it.
COMPANIONS = (
    TOKENIZER,
    TOKENIZER_JSON,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    GENERATION,
)
CPU = torch.device("cpu")
FOLLOWING = ("rotary_emb.inv_freq", "rotary_emb.cos_cached", "rotary_emb.sin_cached")
FLOATING = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def load(
    directory: Path,
    dtype: torch.dtype | None = None,
    device: torch.device = CPU,
    part: Part = WHOLE,
    make: Make | None = None,
) -> Llama:
    """The model in ``directory``, read onto ``device`` tensor by tensor.

    Beside the model itself, the few tensors that are under way are in memory.

    Args:
        dtype: of all that is not quantised; None leaves it as it is stored.
        part: what is this rank's of every layer: nothing else is read, but for what lies between.
        make: turns a linear layer's weight into a quantised layer as it comes (for example
            ``Quantization("int4").linear``): the model is never there unquantised.

    Raises:
        CheckpointError: a file or tensor is missing, truncated, of the wrong shape or type.
        ParallelError: the model cannot be split over so many ranks.
        GroupError: the model cannot be quantised like that.
    """
    config = shape(directory)
    model = empty(config, quantization(directory))
    wanted = needed(model)
    stored = find_tensors(directory, {on_disk(name): tensor for name, tensor in wanted.items()})
    pinned = device.type == "cuda"
    # In the order in which they lie in the files: that is how a disk is fastest.
    names = sorted(
        wanted, key=lambda name: (stored[on_disk(name)].path, stored[on_disk(name)].start)
    )
    reads = (
        lambda name=name: read_finite(
            stored[on_disk(name)],
            part_of(name, wanted[name], config, part, make is not None),
            pinned,
        )
        for name in names
    )
    return fill(model, zip(names, ahead(reads), strict=True), device, dtype, part, make)


def read_finite(stored: Stored, part: Slice | None = None, pinned: bool = False) -> Tensor:
    """A tensor, or a part of it, of finite numbers; raises CheckpointError."""
    return check_finite(stored.path, stored.name, stored.read(part, pinned))


def shape(directory: Path) -> Config:
    """The shape of the model in ``directory``, from its config.json; raises CheckpointError."""
    try:
        return read_config(directory / CONFIG)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None


def quantization(directory: Path) -> Quantization | None:
    """How a checkpoint is quantised; None where it isn't.

    Raises:
        CheckpointError: in a way that this engine does not know.
    """
    fields = read_json(directory / CONFIG)
    method = fields.get("quantization_config", fields.get("compression_config"))
    if method is None:
        if found := foreign.beside(directory):
            raise CheckpointError(foreign.sentence(*found))
        return None
    how = Quantization.from_config(method)
    if how is None:
        raise CheckpointError(foreign.sentence(directory / CONFIG, foreign.method_of(method)))
    return how


def stop_tokens(directory: Path) -> frozenset[int]:
    """The tokens that end a text, as generation_config.json or config.json says; may be none.

    Raises:
        CheckpointError: what they say is no token, or not JSON.
    """
    for path in (directory / GENERATION, directory / CONFIG):
        said = read_json(path).get("eos_token_id") if path.is_file() else None
        if said is None:
            continue
        tokens = said if isinstance(said, list) else [said]
        if not all(isinstance(token, int) and token >= 0 for token in tokens):
            raise CheckpointError(f"{path}: eos_token_id is {said!r}, which is no token")
        return frozenset(tokens)
    return frozenset()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of a checkpoint; raises CheckpointError."""
    try:
        return read_object(path)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None


def on_disk(name: str) -> str:
    return name if name.startswith("lm_head.") else f"model.{name}"


def in_memory(name: str) -> str:
    return name.removeprefix("model.")


def weight_files(directory: Path) -> list[Path]:
    """The files that hold the weights: those that the index names, or one, or its parts."""
    index, alone = directory / INDEX, directory / WEIGHTS
    if index.exists():
        return named_by(index)
    parts = [] if alone.exists() else sorted(directory.glob("model-*.safetensors"))
    return parts or [alone]


def named_by(index: Path) -> list[Path]:
    """The files that an index names, which lie beside it; raises CheckpointError."""
    try:
        names = sorted(set(read_object(index)["weight_map"].values()))
    except (ConfigError, KeyError, TypeError, AttributeError):
        if lfs.is_pointer(index):
            raise CheckpointError(lfs.sentence(index)) from None
        names = []
    if not names:
        raise CheckpointError(f"{index}: this is not an index of weights")
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise CheckpointError(f"{index}: {name!r} is not the name of a file beside it")
    return [index.parent / name for name in names]


def find_tensors(directory: Path, wanted: Mapping[str, Tensor]) -> dict[str, Stored]:
    """Where each tensor of ``wanted`` is, of the shape that it has there; nothing is read yet."""
    files = weight_files(directory)
    found: dict[str, Stored] = {}
    for path in files:
        add_tensors(path, entries(path), wanted, found)
    check_none_missing(files[-1], found.keys(), wanted)
    return found


def add_tensors(
    path: Path, tensors: Mapping[str, Any], wanted: Mapping[str, Tensor], found: dict[str, Any]
) -> None:
    """What a file holds, by the names of ``wanted``; raises CheckpointError."""
    for stored_name, stored in tensors.items():
        name = canonical(stored_name, wanted)
        if is_needless(name, wanted):
            continue
        check_new(path, name, stored_name, found)
        try:
            check(path, name, stored, wanted)
        except CheckpointError:
            if method := foreign.by_tensors(tensors):
                raise CheckpointError(foreign.sentence(path, method)) from None
            raise
        found[name] = stored


def is_needless(name: str, wanted: Mapping[str, Any]) -> bool:
    """Older files store what follows from the shape; some store a tied head twice."""
    return name.endswith(FOLLOWING) or (
        canonical(name, ("lm_head.weight",)) == "lm_head.weight"
        and "lm_head.weight" not in wanted
        and "lm_head.scale" not in wanted
    )


def check(path: Path, name: str, stored: Stored | Tensor, wanted: Mapping[str, Tensor]) -> None:
    """Raises CheckpointError where a tensor is not one that the model has."""
    if len(stored.shape) == 2 and (method := foreign.by_type(stored.dtype)):
        raise CheckpointError(foreign.sentence(path, method))
    if name not in wanted:
        raise CheckpointError(f"{path}: the tensor {name} has no place in this model")
    expected = wanted[name]
    if tuple(stored.shape) != tuple(expected.shape):
        raise CheckpointError(
            f"{path}: the tensor {name} has shape {list(stored.shape)}, "
            f"and config.json makes it {list(expected.shape)}"
        )
    right = FLOATING if expected.is_floating_point() else (expected.dtype,)
    if stored.dtype not in right:
        raise CheckpointError(f"{path}: the tensor {name} is {stored.dtype}, which it cannot be")


def check_none_missing(last: Path, found: Any, wanted: Mapping[str, Any]) -> None:
    missing = sorted(wanted.keys() - found)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise CheckpointError(f"{last}: the tensor {missing[0]}{more} is missing")


def size(directory: Path) -> int:
    """Bytes of a checkpoint's weights on disk."""
    return sum(path.stat().st_size for path in weight_files(directory))


def companions(tokenizer: Path) -> dict[str, Path]:
    """A tokenizer and what lies beside it of its kind, by the name that a checkpoint has for it.

    Raises:
        CheckpointError: a file was not downloaded.
    """
    found = {name: tokenizer.with_name(name) for name in COMPANIONS}
    found[TOKENIZER_JSON if tokenizer.suffix == ".json" else TOKENIZER] = tokenizer
    there = {name: path for name, path in found.items() if path.is_file()}
    for path in there.values():
        if lfs.is_pointer(path):
            raise CheckpointError(lfs.sentence(path))
    return there


def save(model: Llama, directory: Path, tokenizer: Path | None = None) -> int:
    """Write a checkpoint: all files beside their places first, then each renamed into its own.

    Returns the bytes of its weights.

    Args:
        tokenizer: copied, with what says how it is used where that lies beside it; a
            ``tokenizer.model`` alone gets what other programs need (``text/exported.py``).

    Raises:
        CheckpointError: a file of the tokenizer was not downloaded.
        OSError: it cannot be written; a checkpoint that was there before still is.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config = model.config.to_hugging_face()
    how = quantization_of(model)
    if how is not None:
        config["quantization_config"] = how.to_config()
    tensors = {on_disk(name): value for name, value in model.state_dict().items()}
    if is_tied(model):
        del tensors["lm_head.weight"]
    copied = {} if tokenizer is None else companions(tokenizer)
    from workshop.llm.text.exported import exported  # its library takes a while to import

    made = exported(copied)
    names = [WEIGHTS, *copied, *made, CONFIG]
    beside = {name: directory / f"{name}.partial" for name in names}
    beside[CONFIG].write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    for name, source in copied.items():
        shutil.copyfile(source, beside[name])
    for name, content in made.items():
        beside[name].write_bytes(content)
    kinds = {name: (value.dtype, tuple(value.shape)) for name, value in tensors.items()}
    write(beside[WEIGHTS], kinds, tensors.values())
    (directory / INDEX).unlink(missing_ok=True)  # of a checkpoint in several files, if one was here
    for name in names:  # config.json last: a directory without it is not a checkpoint
        os.replace(beside[name], directory / name)
    return size(directory)
