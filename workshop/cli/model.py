"""``workshop quantize`` and ``workshop model``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workshop.stages.settings import WEIGHT_BITS
from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from workshop.llm.model import Llama
    from workshop.llm.quantization.quantize import Quantization
    from workshop.runner.models import Source
    from workshop.tiny.recipe import Progress


@click.command()
@click.argument("source", metavar="MODEL")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to write the checkpoint to; it must not hold one yet.",
)
@click.option(
    "--method",
    type=click.Choice(list(WEIGHT_BITS)),
    default="int8",
    help="Precision of the stored weights.  [int8]",
)
@click.option(
    "--group-size",
    type=click.Choice(["32", "64", "128"]),
    help="Weights per scale in int4.  [32]",
)
@click.option(
    "--calibrate",
    metavar="FILE|embedded",
    help="Calibrate int4 on a sample text (GPTQ).",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    help="Device to calibrate on.  [auto]",
)
def quantize(
    source: str,
    output: Path,
    method: str,
    group_size: str | None,
    calibrate: str | None,
    device: str,
) -> None:
    """Write MODEL as an int8 or int4 checkpoint, so that every later run loads fewer bytes.

    MODEL is a checkpoint directory, 'tiny' or 'tiny:1'. Run the result with 'workshop run quantize
    --model DIR', adding --quantize int4 for an int4 checkpoint.
    """
    from workshop.runner.models import find_model

    found = find_model(source)
    if found.directory is None:
        raise UsageError(f"{source} has random weights: 'workshop run' quantises them in memory")
    if method != "int4" and (group_size or calibrate):
        raise UsageError("--group-size and --calibrate are for int4: add --method int4")
    if (output / "config.json").exists():
        raise UsageError(f"{output} holds a checkpoint already: choose another directory")

    from workshop.llm.quantization.int4 import GroupError
    from workshop.llm.text.errors import TokenizerError
    from workshop.llm.weights import checkpoint

    how = way_of(method, group_size)
    try:
        stored = checkpoint.quantization(found.directory)
        if stored is not None:
            raise UsageError(f"{found.directory} is an {stored} checkpoint already")
        quantized = calibrated(found, how, calibrate, device) if calibrate else rounded(found, how)
        written = checkpoint.save(quantized, output, found.tokenizer)
    except (checkpoint.CheckpointError, GroupError, TokenizerError) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error.strerror}") from None
    before = unquantised_bytes(found)
    click.echo(f"{output}: {how}, {written / 1e6:.1f} MB, from {before / 1e6:.1f} MB")


def way_of(method: str, group_size: str | None) -> Quantization:
    """How to store weights, by the names that the options give; int4 in groups of 32 by default.

    Raises:
        UsageError: a precision that weights cannot be stored in here.
    """
    from workshop.llm.quantization.int4 import GROUP_SIZES
    from workshop.llm.quantization.quantize import INT8, Quantization

    if method == "int8":
        return INT8
    if method == "int4":
        return Quantization("int4", int(group_size or GROUP_SIZES[0]))
    raise UsageError(f"this command cannot store weights in {method}: use int8 or int4")


def unquantised_bytes(source: Source) -> float:
    """Of a model's weights, in the precision in which they are stored."""
    from workshop.llm.weights import checkpoint
    from workshop.runner.models import config_of

    assert source.directory is not None
    stored = checkpoint.shape(source.directory)
    return checkpoint.size(source.directory) * config_of(source).parameters / stored.parameters


def rounded(source: Source, how: Quantization) -> Llama:
    """Every weight to its nearest value, as it comes from the file."""
    from workshop.runner.models import load_stored

    return load_stored(source, make=partial(how.linear, scale_dtype=how.stored_dtype))


def calibrated(source: Source, how: Quantization, text: str, device: str) -> Llama:
    """By GPTQ, on some thousand tokens of a text."""
    from workshop.llm.quantization.gptq import quantize_calibrated
    from workshop.llm.text.tokenizer import Tokenizer
    from workshop.runner import quality
    from workshop.runner.machine import pick_device
    from workshop.runner.models import config_of, load_stored

    texts = quality.text_of(text, quality.CALIBRATION_SEED)
    context = config_of(source).context
    rows = quality.windows(Tokenizer(source.tokenizer), texts, quality.CALIBRATION_TOKENS, context)
    place = pick_device(device)
    model = load_stored(source, device=place)
    quantize_calibrated(model, rows.to(place), how.group_size, how.stored_dtype)
    return model.to("cpu")


@click.group()
def model() -> None:
    """Retrain the embedded models."""


@model.command("train-tiny")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("training"),
    help="Directory for checkpoints and for the state that training resumes from.  [training]",
)
def train_tiny(output: Path) -> None:
    """Train tokenizer, verifier and draft from scratch; takes most of an hour on two cores.

    After an interruption, repeat the command to resume. The embedded pair in workshop/tiny/weights
    was made by this command. Try the trained models with 'workshop run speculative --model
    OUTPUT/verifier --draft OUTPUT/draft'.
    """
    from workshop.llm.text.tokenizer import Tokenizer
    from workshop.llm.weights import checkpoint
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
