"""``workshop quantize`` and ``workshop model``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workshop.stages import UsageError

if TYPE_CHECKING:
    from workshop.tiny.recipe import Progress


@click.command()
@click.argument("source", metavar="MODEL")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for the int8 checkpoint; must not hold one yet.",
)
def quantize(source: str, output: Path) -> None:
    """Write MODEL as an int8 checkpoint: once, offline; every run then loads half the bytes.

    MODEL is a checkpoint directory or 'tiny'. Run it with 'workshop run quantize --model DIR'.
    """
    from workshop.models import find_model

    found = find_model(source)
    if found.directory is None:
        raise UsageError(f"{source} has random weights: 'workshop run' quantises them in memory")
    if (output / "config.json").exists():
        raise UsageError(f"{output} holds a checkpoint already: choose another directory")

    import torch

    from workshop.llm import checkpoint
    from workshop.llm import quantize as int8

    try:
        model = checkpoint.load(found.directory)
        if int8.is_quantized(model):
            raise UsageError(f"{found.directory} is an int8 checkpoint already")
        int8.quantize(model, torch.float32)
        written = checkpoint.save(model, output, found.tokenizer)
    except checkpoint.CheckpointError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error.strerror}") from None
    before = checkpoint.size(found.directory)
    click.echo(f"{output}: {written / 1e6:.1f} MB, from {before / 1e6:.1f} MB")


@click.group()
def model() -> None:
    """The embedded model: how it was made."""


@model.command("train-tiny")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("training"),
    show_default=True,
    help="Where training is kept, so that it can go on, and the checkpoints are written.",
)
def train_tiny(output: Path) -> None:
    """Train tokenizer, verifier and draft from nothing; most of an hour on two cores.

    Interrupted, the same command goes on where it was. The embedded pair in workshop/tiny/weights
    was made by it; try what you trained with 'workshop run speculative --model OUTPUT/verifier
    --draft OUTPUT/draft'.
    """
    from workshop.llm import checkpoint
    from workshop.llm.tokenizer import Tokenizer
    from workshop.tiny import card, recipe

    try:
        report = recipe.train_tiny(output, watcher())
        verifier = checkpoint.load(output / "verifier")
        tokenizer = Tokenizer(output / "tokenizer.model")
        card.write(output / "MODEL_CARD.md", report, card.say(verifier, tokenizer))
    except OSError as error:
        raise click.ClickException(f"cannot write {error.filename}: {error.strerror}") from None
    except KeyboardInterrupt:
        raise click.ClickException(
            f"interrupted; 'workshop model train-tiny -o {output}' goes on from the last save"
        ) from None
    click.echo(json.dumps(asdict(report), indent=2))


def watcher() -> Callable[[str, Progress], None]:
    """Shows progress on standard error, twice a second; silent where that is no terminal."""
    if not sys.stderr.isatty():
        return lambda name, progress: None
    from rich.console import Console
    from rich.status import Status

    status = Status("starting", console=Console(stderr=True))
    status.start()

    def watch(name: str, progress: Progress) -> None:
        minutes = progress.seconds_left / 60
        status.update(
            f"{name}: step {progress.step} of {progress.steps}, loss {progress.loss:.3f}, "
            f"{progress.tokens_per_second:.0f} tokens/s, {minutes:.0f} minutes left"
        )

    return watch
