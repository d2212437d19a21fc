"""Checkpoints: a directory with config.json, model.safetensors and tokenizer.model.

The layout and the tensors' names are those of Hugging Face's Llama, so a checkpoint of theirs
(one file or several with an index) loads here and ours loads there. An int8 checkpoint has, for
each linear layer, an int8 ``weight`` and a ``scale`` per row, and says so in its config.json.
Only safetensors are read: unlike a pickle, they cannot run code.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from workshop.llm.config import Config, ConfigError, read_config
from workshop.llm.model import Llama
from workshop.llm.quantize import is_quantized, make_room

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.model"
INT8 = {"quant_method": "workshop-int8"}


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and the tensor."""


def load(directory: Path, dtype: torch.dtype | None = None) -> Llama:
    """The model in ``directory``; in ``dtype``, or as it is stored, where it is not int8.

    Raises:
        CheckpointError: a file or tensor is missing, truncated, of the wrong shape or type.
    """
    config = shape(directory)
    with torch.device("meta"):
        model = Llama(config)
        if quantization(directory) is not None:
            make_room(model)
    wanted = {on_disk(name): tensor for name, tensor in model.state_dict().items()}
    if config.tied and not is_quantized(model):
        del wanted["lm_head.weight"]
    found = read_tensors(directory, wanted)
    tensors = {
        name: value if value.dtype == torch.int8 else value.to(dtype or value.dtype)
        for name, value in found.items()
    }
    if config.tied and not is_quantized(model):
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
    model.load_state_dict({in_memory(name): value for name, value in tensors.items()}, assign=True)
    tie(model)
    model.reset_rope()
    return model.eval().requires_grad_(False)


def shape(directory: Path) -> Config:
    """The shape of the model in ``directory``, from its config.json; raises CheckpointError."""
    try:
        return read_config(directory / CONFIG)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None


def quantization(directory: Path) -> str | None:
    """How a checkpoint is quantised: None, or 'int8'.

    Raises:
        CheckpointError: in a way that this engine does not know.
    """
    data = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
    method = data.get("quantization_config")
    if method is None:
        return None
    if method != INT8:
        raise CheckpointError(
            f"{directory / CONFIG}: quantised as {method}, which this engine does not read; "
            "start from the unquantised checkpoint and `workshop quantize` it"
        )
    return "int8"


def on_disk(name: str) -> str:
    return name if name.startswith("lm_head.") else f"model.{name}"


def in_memory(name: str) -> str:
    return name.removeprefix("model.")


def tie(model: Llama) -> None:
    """Make a tied head the embedding's very tensor again, after loading into both."""
    if model.config.tied and not is_quantized(model):
        model.lm_head.weight = model.embed_tokens.weight


def weight_files(directory: Path) -> list[Path]:
    """The files that hold the weights: one, or those that the index names."""
    index = directory / INDEX
    if not index.exists():
        return [directory / WEIGHTS]
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        names = []
    if not names:
        raise CheckpointError(f"{index}: this is not an index of safetensors files")
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise CheckpointError(f"{index}: {name!r} is not the name of a file beside it")
    return [directory / name for name in names]


def read_tensors(directory: Path, wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors named in ``wanted``, each of the shape that it has there."""
    found: dict[str, Tensor] = {}
    files = weight_files(directory)
    for path in files:
        if not path.is_file():
            raise CheckpointError(f"{path}: there are no weights here")
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 (not a dict)
                    if name.endswith("rotary_emb.inv_freq"):
                        continue  # older Hugging Face files store what follows from the shape
                    if name == "lm_head.weight" and name not in wanted:
                        continue  # a tied head, stored twice
                    found[name] = checked(path, name, file.get_tensor(name), wanted)
        except SafetensorError as error:
            raise CheckpointError(
                f"{path}: not a whole safetensors file ({error}); copy or download it again"
            ) from None
        except OSError as error:
            raise CheckpointError(f"{path}: {error.strerror or error}") from None
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise CheckpointError(f"{files[-1]}: the tensor {missing[0]}{more} is missing")
    return found


def checked(path: Path, name: str, value: Tensor, wanted: dict[str, Tensor]) -> Tensor:
    if name not in wanted:
        raise CheckpointError(f"{path}: the tensor {name} has no place in this model")
    expected = wanted[name]
    if value.shape != expected.shape:
        raise CheckpointError(
            f"{path}: the tensor {name} has shape {list(value.shape)}, "
            f"and config.json makes it {list(expected.shape)}"
        )
    if (value.dtype == torch.int8) != (expected.dtype == torch.int8) or not (
        value.dtype.is_floating_point or value.dtype == torch.int8
    ):
        raise CheckpointError(f"{path}: the tensor {name} is {value.dtype}, which it cannot be")
    return value


def size(directory: Path) -> int:
    """Bytes of a checkpoint's weights on disk."""
    return sum(path.stat().st_size for path in weight_files(directory))


def save(model: Llama, directory: Path, tokenizer: Path | None = None) -> int:
    """Write a checkpoint: all files beside their places first, then each renamed into its own.

    Returns the bytes of its weights.

    Raises:
        CheckpointError, OSError: it cannot be written; a checkpoint that was there before still is.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config = model.config.to_hugging_face()
    if is_quantized(model):
        config["quantization_config"] = INT8
    tensors = {on_disk(name): value.contiguous() for name, value in model.state_dict().items()}
    if model.config.tied and not is_quantized(model):
        del tensors["lm_head.weight"]
    names = [WEIGHTS, CONFIG] if tokenizer is None else [WEIGHTS, TOKENIZER, CONFIG]
    beside = {name: directory / f"{name}.partial" for name in names}
    beside[CONFIG].write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    if tokenizer is not None:
        shutil.copyfile(tokenizer, beside[TOKENIZER])
    try:
        save_file(tensors, beside[WEIGHTS], metadata={"format": "pt"})
    except SafetensorError as error:
        raise CheckpointError(f"{beside[WEIGHTS]}: {error}") from None
    shutil.copymode(beside[CONFIG], beside[WEIGHTS])  # safetensors lets nobody else read it
    (directory / INDEX).unlink(missing_ok=True)  # of a checkpoint in several files, if one was here
    for name in names:  # config.json last: a directory without it is not a checkpoint
        os.replace(beside[name], directory / name)
    return size(directory)


def random_model(config: Config, dtype: torch.dtype, seed: int = 0) -> Llama:
    """A model of that shape with random weights, for speed alone: the text means nothing."""
    with torch.device("meta"):
        model = Llama(config).to(dtype)
    model.to_empty(device="cpu")
    model.reset_rope()
    generator = torch.Generator().manual_seed(seed)
    # Drawing billions of numbers takes minutes; one block of them, repeated, has the same speed.
    block = torch.randn(1 << 20, generator=generator).to(dtype)
    for name, weight in model.named_parameters():
        if weight.dim() < 2:
            weight.data.fill_(1.0)
            continue
        flat = weight.data.view(-1)
        for start in range(0, flat.numel(), block.numel()):
            piece = flat[start : start + block.numel()]
            piece.copy_(block[: piece.numel()])
        weight.data.mul_(0.02 if "embed" in name else weight.shape[1] ** -0.5)
    tie(model)
    return model.eval().requires_grad_(False)
