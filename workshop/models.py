"""What ``--model`` and ``--draft`` mean: the embedded pair, a checkpoint, or random weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from workshop.llm import checkpoint
from workshop.llm.config import Config
from workshop.llm.model import Llama
from workshop.llm.shapes import SHAPES
from workshop.stages import UsageError

EMBEDDED = Path(__file__).parent / "tiny" / "weights"
TINY = "tiny"
RANDOM = "random:"


@dataclass(frozen=True)
class Source:
    """Where a model comes from.

    Attributes:
        name: for people: ``tiny``, ``random:110m``, or the checkpoint directory's name.
        directory: the checkpoint; None for random weights.
        tokenizer: a sentencepiece file.
    """

    name: str
    directory: Path | None
    tokenizer: Path

    @property
    def random(self) -> bool:
        return self.directory is None


def find_model(text: str) -> Source:
    """What ``--model text`` refers to.

    Raises:
        UsageError: nothing of that name; the message lists what there is.
    """
    if text == TINY:
        return embedded("verifier")
    if text.startswith(RANDOM):
        shape = text.removeprefix(RANDOM)
        if shape not in SHAPES:
            raise UsageError(f"there is no shape {shape!r}; the shapes are {', '.join(SHAPES)}")
        return Source(text, None, EMBEDDED / "verifier" / checkpoint.TOKENIZER)
    directory = Path(text).expanduser()
    if not directory.is_dir():
        raise UsageError(
            f"the model {text!r} is neither a checkpoint directory, nor 'tiny', "
            "nor 'random:<shape>' (for example random:110m)"
        )
    return Source(directory.resolve().name, directory, directory / checkpoint.TOKENIZER)


def embedded(role: str) -> Source:
    """The embedded ``verifier`` or ``draft``."""
    directory = EMBEDDED / role
    name = TINY if role == "verifier" else f"{TINY}-{role}"
    return Source(name, directory, directory / checkpoint.TOKENIZER)


def find_draft(model: str, draft: str | None) -> Source:
    """The draft model for ``model``: the one asked for, or the one that belongs to it.

    Raises:
        UsageError: none was asked for and none belongs to the model.
    """
    if draft is not None:
        return embedded("draft") if draft == TINY else find_model(draft)
    if model == TINY:
        return embedded("draft")
    raise UsageError(
        f"no draft model belongs to {model!r}: name one with --draft, "
        "or use --speculate prompt-lookup, which needs none"
    )


def config_of(source: Source) -> Config:
    """The model's shape, without its weights; raises checkpoint.CheckpointError."""
    if source.directory is None:
        return SHAPES[source.name.removeprefix(RANDOM)]
    return checkpoint.shape(source.directory)


def is_int8(source: Source) -> bool:
    """Whether the checkpoint is quantised already; raises checkpoint.CheckpointError."""
    return source.directory is not None and checkpoint.quantization(source.directory) is not None


def load_model(source: Source, dtype: torch.dtype) -> Llama:
    """Read or make the weights, on the CPU; raises checkpoint.CheckpointError."""
    if source.directory is None:
        return checkpoint.random_model(config_of(source), dtype)
    return checkpoint.load(source.directory, dtype)
