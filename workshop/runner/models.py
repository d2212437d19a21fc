"""What ``--model`` and ``--draft`` mean: the embedded pair, a checkpoint, or random weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from workshop.llm.config import Config
from workshop.llm.model import Llama
from workshop.llm.quantization.quantize import Quantization
from workshop.llm.ranks.part import WHOLE, Part
from workshop.llm.shapes import SHAPES
from workshop.llm.text import chat
from workshop.llm.text.tokenizer import Tokenizer, find_tokenizer
from workshop.llm.weights import checkpoint, folder
from workshop.llm.weights.fill import Make
from workshop.llm.weights.widen import load_widened
from workshop.roofline.widths import MOST_COPIES, TINY, is_tiny
from workshop.tiny.copies import WEIGHTS as EMBEDDED
from workshop.tiny.copies import copies_of
from workshop.util.errors import UsageError

RANDOM = "random:"
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Source:
    """Where a model comes from.

    Attributes:
        name: for people: ``tiny``, ``random:110m``, or the checkpoint directory's name.
        directory: the checkpoint; None for random weights.
        tokenizer: its tokenizer's file; random weights speak the embedded model's pieces.
        copies: of every channel, made as it is loaded; 1 leaves the checkpoint as it is.
    """

    name: str
    directory: Path | None
    tokenizer: Path
    copies: int = 1

    @property
    def random(self) -> bool:
        return self.directory is None


def find_model(text: str) -> Source:
    """What ``--model text`` refers to.

    Raises:
        UsageError: nothing of that name; the message lists what there is.
    """
    if is_tiny(text):
        return replace(embedded("verifier"), name=text, copies=copies_of(text))
    if text.startswith(RANDOM):
        shape = text.removeprefix(RANDOM)
        if shape not in SHAPES:
            raise UsageError(f"there is no shape {shape!r}; the shapes are {', '.join(SHAPES)}")
        return Source(text, None, EMBEDDED / "verifier" / checkpoint.TOKENIZER)
    directory = Path(text).expanduser()
    if directory.suffix == ".gguf" and directory.is_file():
        raise UsageError(folder.gguf_sentence(directory))
    if not directory.is_dir():
        raise UsageError(
            f"the model {text!r} is neither a checkpoint directory, nor 'tiny' (or 'tiny:1' to "
            f"'tiny:{MOST_COPIES}'), nor 'random:<shape>' (for example random:110m)"
        )
    try:
        directory = folder.find_checkpoint(directory)
    except checkpoint.CheckpointError as error:
        raise UsageError(str(error)) from None
    if kind := folder.to_convert(directory):
        raise UsageError(
            f"the weights in {directory} are {kind} converted once: "
            f"workshop convert {directory} -o DIR"
        )
    return Source(folder.name_of(directory), directory, find_tokenizer(directory))


def embedded(role: str) -> Source:
    """The embedded ``verifier`` or ``draft``, as it is stored."""
    directory = EMBEDDED / role
    name = f"{TINY}:1" if role == "verifier" else f"{TINY}-{role}"
    return Source(name, directory, directory / checkpoint.TOKENIZER)


def find_draft(model: str, draft: str | None) -> Source:
    """The draft model for ``model``: the one asked for, or the one that belongs to it.

    Raises:
        UsageError: none was asked for and none belongs to the model.
    """
    if draft is not None:
        return embedded("draft") if draft == TINY else find_model(draft)
    if is_tiny(model):
        return embedded("draft")
    raise UsageError(
        f"no draft model belongs to {model!r}: name one with --draft, "
        "or use --speculate prompt-lookup, which needs none"
    )


def config_of(source: Source) -> Config:
    """The model's shape, without its weights; raises checkpoint.CheckpointError."""
    if source.directory is None:
        return SHAPES[source.name.removeprefix(RANDOM)]
    return checkpoint.shape(source.directory).widened(source.copies)


def stored_quantization(source: Source) -> Quantization | None:
    """How the checkpoint is quantised already; raises checkpoint.CheckpointError."""
    return None if source.directory is None else checkpoint.quantization(source.directory)


def stop_tokens(source: Source, tokenizer: Tokenizer) -> frozenset[int]:
    """The tokens that end a text: those that the checkpoint names, or the tokenizer's one.

    Random weights mean nothing by any token.

    Raises:
        checkpoint.CheckpointError: what the checkpoint names is no token.
    """
    if source.directory is None:
        return frozenset()
    return checkpoint.stop_tokens(source.directory) or frozenset({tokenizer.eos})


def prompt_tokens(source: Source, tokenizer: Tokenizer, text: str, as_chat: bool) -> list[int]:
    """Token ids of a prompt, as text to go on from or as something that a user says.

    Raises:
        UsageError: the model has no chat template.
        TokenizerError: the text is not UTF-8, or the template fails.
    """
    if not as_chat:
        return tokenizer.encode(text)
    template = None if source.directory is None else chat.find_template(source.directory)
    if template is None:
        raise UsageError(
            f"{source.name} has no chat template, so it was not taught to answer: leave out --chat"
        )
    return chat.encode(tokenizer, template, text)


def load_model(
    source: Source,
    dtype: torch.dtype,
    device: torch.device = CPU,
    part: Part = WHOLE,
    how: Quantization | None = None,
) -> Llama:
    """Read or make the weights that are this rank's, on its device, quantised as they come.

    Raises:
        checkpoint.CheckpointError, ParallelError, GroupError: see ``checkpoint.load``.
    """
    make = how.linear if how is not None and stored_quantization(source) is None else None
    if source.directory is None:
        return checkpoint.random_model(
            config_of(source), dtype, device=device, part=part, make=make
        )
    return load_stored(source, dtype, device, part, make)


def load_stored(
    source: Source,
    dtype: torch.dtype | None = None,
    device: torch.device = CPU,
    part: Part = WHOLE,
    make: Make | None = None,
) -> Llama:
    """The weights of a checkpoint, widened where the source says so; see ``checkpoint.load``."""
    assert source.directory is not None, f"{source.name} has random weights"
    if source.copies == 1:
        return checkpoint.load(source.directory, dtype, device, part, make)
    return load_widened(source.directory, source.copies, dtype, device, part, make)
