"""What a checkpoint to be converted is, by the files that are there."""

from __future__ import annotations

from pathlib import Path

from workshop.llm.weights.convert import Origin
from workshop.llm.weights.convert_hugging_face import (
    PICKLES,
    SAFETENSORS,
    find_files,
    open_pickles,
    open_safetensors,
)
from workshop.llm.weights.convert_llama2c import open_llama2c
from workshop.llm.weights.convert_meta import open_meta
from workshop.llm.weights.convert_mistral import PATTERN, open_mistral
from workshop.llm.weights.folder import find_checkpoint, gguf_sentence
from workshop.llm.weights.safetensors_file import CheckpointError


def open_source(path: Path) -> Origin:
    """A checkpoint of Hugging Face, Meta, Mistral or llama2.c: opened and checked, but not read.

    Raises:
        CheckpointError: it is none of them, something is missing, or it is not a Llama.
    """
    if path.is_file() and path.suffix == ".bin" and not path.name.startswith(PICKLES[0]):
        return open_llama2c(path)
    if path.is_file() and path.suffix == ".gguf":
        raise CheckpointError(gguf_sentence(path))
    if not path.is_dir():
        hint = f"name its directory, {path.parent}" if path.is_file() else "there is none here"
        raise CheckpointError(f"{path}: a checkpoint is a directory: {hint}")
    path = find_checkpoint(path)
    if files := find_files(path, *SAFETENSORS):
        return open_safetensors(path, files)
    if files := find_files(path, *PICKLES):
        return open_pickles(path, files)
    if any(path.glob("consolidated.*.pth")):
        return open_meta(path)
    if any(path.glob(PATTERN)):
        return open_mistral(path)
    raise CheckpointError(
        f"{path}: there are no weights here: neither model.safetensors, pytorch_model.bin, "
        "consolidated.00.pth nor consolidated.safetensors"
    )
