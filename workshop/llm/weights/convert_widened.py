"""A widened checkpoint, opened to be written as one of its own, for other programs to read."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from workshop.llm.text.tokenizer import find_tokenizer
from workshop.llm.weights import checkpoint
from workshop.llm.weights.checkpoint import CONFIG, on_disk
from workshop.llm.weights.convert import Origin, Piece
from workshop.llm.weights.fill import empty, needed
from workshop.llm.weights.widen import Shares, original_of, tensors, widened


def open_widened(directory: Path, copies: int) -> Origin:
    """The checkpoint in ``directory`` with ``copies`` of every channel; raises CheckpointError."""
    config = checkpoint.shape(directory).widened(copies)
    originals, shares = tensors(directory), Shares(copies)
    pieces = []
    for name, like in needed(empty(config)).items():
        original = original_of(name, originals)
        read = partial(widened, name, original, shares)
        pieces.append(Piece(on_disk(name), original.dtype, tuple(like.shape), read))
    return Origin(
        "our safetensors" + (f", widened {copies} times" if copies > 1 else ""),
        checkpoint.weight_files(directory),
        pieces,
        {CONFIG: config.to_hugging_face()},
        checkpoint.companions(find_tokenizer(directory)),
        copies,
    )
