"""Hugging Face's checkpoints, opened to be converted: safetensors or pickles, one file or many."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workshop.llm.config import Config
from workshop.llm.lfs import is_pointer
from workshop.llm.lfs import sentence as lfs_sentence
from workshop.llm.text.tokenizer import find_tokenizer
from workshop.llm.weights import checkpoint
from workshop.llm.weights.checkpoint import (
    CONFIG,
    add_tensors,
    check_none_missing,
    named_by,
    on_disk,
)
from workshop.llm.weights.convert import Origin, Piece
from workshop.llm.weights.fill import empty, needed
from workshop.llm.weights.safetensors_file import CheckpointError, Stored, entries

SAFETENSORS = ("model", ".safetensors")
PICKLES = ("pytorch_model", ".bin")


def find_files(directory: Path, stem: str, suffix: str) -> list[Path]:
    """A checkpoint's files of one kind: those of the index, or one, or its parts; may be none.

    Raises:
        CheckpointError: the index is not one.
    """
    index = directory / f"{stem}{suffix}.index.json"
    if index.exists():
        return named_by(index)
    alone = directory / f"{stem}{suffix}"
    return [alone] if alone.exists() else sorted(directory.glob(f"{stem}-*{suffix}"))


def open_safetensors(directory: Path, files: list[Path]) -> Origin:
    """Raises CheckpointError."""
    wanted = wanted_by(refuse_quantized(directory))
    found: dict[str, Stored] = {}
    for path in files:
        add_tensors(path, entries(path), wanted, found)
    check_none_missing(files[-1], found.keys(), wanted)
    in_order = sorted(found.items(), key=lambda item: (item[1].path, item[1].start))
    pieces = [Piece(name, each.dtype, each.shape, each.read) for name, each in in_order]
    return origin("Hugging Face's safetensors", directory, files, pieces)


def open_pickles(directory: Path, files: list[Path]) -> Origin:
    """Raises CheckpointError."""
    wanted = wanted_by(refuse_quantized(directory))
    found: dict[str, Tensor] = {}
    for path in files:
        add_tensors(path, read_pickle(path), wanted, found)
    check_none_missing(files[-1], found.keys(), wanted)
    pieces = [
        Piece(name, value.dtype, tuple(value.shape), partial(same, value))
        for name, value in found.items()
    ]
    return origin("Hugging Face's pickles", directory, files, pieces)


def same(value: Tensor) -> Tensor:
    return value


def read_pickle(path: Path) -> dict[str, Tensor]:
    """The tensors of a file that ``torch.save`` wrote, mapped and not read.

    A pickle is a program. torch runs none but one that makes tensors (``weights_only``).

    Raises:
        CheckpointError: it is no such file, or holds anything else.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: there are no weights here")
    if is_pointer(path):
        raise CheckpointError(lfs_sentence(path))
    try:
        tensors = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path}: it holds more than tensors, and reading it would run code that came with it: "
            "ask whoever made it for safetensors"
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None
    except Exception as error:  # a broken file fails wherever it happens to be broken
        raise CheckpointError(
            f"{path}: not a whole file of torch.save since torch 1.6 "
            f"({' '.join(str(error).split())[:100]}); copy or download it again"
        ) from None
    if not isinstance(tensors, dict):
        raise CheckpointError(f"{path}: it holds {type(tensors).__name__}, not tensors by name")
    for name, value in tensors.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(f"{path}: under {name!r} there is no tensor")
    return tensors


def refuse_quantized(directory: Path) -> Config:
    """The shape that config.json says; raises CheckpointError, also for quantised weights."""
    config = checkpoint.shape(directory)
    if checkpoint.quantization(directory) is not None:
        raise CheckpointError(
            f"{directory / CONFIG}: it is a quantised checkpoint of ours already, and needs no "
            "conversion"
        )
    return config


def wanted_by(config: Config) -> dict[str, Tensor]:
    """What the tensors of a model look like, by the name that they have in a file."""
    return {on_disk(name): value for name, value in needed(empty(config)).items()}


def origin(kind: str, directory: Path, files: list[Path], pieces: list[Piece]) -> Origin:
    config: Mapping[str, Any] = checkpoint.read_json(directory / CONFIG)
    companions = checkpoint.companions(find_tokenizer(directory))
    return Origin(kind, files, pieces, {CONFIG: dict(config)}, companions)
