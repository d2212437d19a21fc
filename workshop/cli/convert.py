"""``workshop convert``."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from workshop.llm.weights.convert import Origin, Progress

GOES_ON = "what is finished stays there, and the same command goes on behind it"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for the checkpoint; an interrupted conversion resumes there.",
)
@click.option("--verify", is_flag=True, help="Verify the checksums of a converted checkpoint.")
def convert(source: Path, output: Path | None, verify: bool) -> None:
    """Convert SOURCE, once, to a checkpoint that workshop can load; SOURCE is not changed.

    SOURCE is a directory with Hugging Face's safetensors or pytorch_model.bin, with Meta's
    consolidated.00.pth or Mistral's consolidated.safetensors and params.json, a model's folder in
    the cache of the Hugging Face hub, or a llama2.c file. Run the result with 'workshop run
    compile --model DIR'. The embedded model ('tiny', 'tiny:8', ...) is written at the width at
    which it runs, so that other programs can load it.
    """
    if verify == (output is not None):
        raise UsageError(
            "say where to write with -o DIR, or check what was written with "
            "'workshop convert --verify DIR'"
        )
    from workshop.llm.weights.safetensors_file import CheckpointError

    try:
        if output is None:
            check(source)
        else:
            write(source, output)
    except CheckpointError as error:
        raise UsageError(str(error)) from None


def check(directory: Path) -> None:
    """Exit code 1, with a sentence for each file that is not as it was written."""
    from workshop.llm.weights.checksums import Checksums, verify

    faults = verify(directory)
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        sys.exit(1)
    click.echo(f"{directory}: {len(Checksums.read(directory).files)} files as they were written")


def write(source: Path, output: Path) -> None:
    from workshop.llm.weights.convert import convert as convert_to
    from workshop.llm.weights.convert_source import open_source

    if source.resolve() == output.resolve():
        raise UsageError(f"{output} is the source itself: choose another directory")
    origin = open_source(source) if source.exists() else open_tiny(source)
    try:
        with bar(source.name) as progress:
            files = convert_to(origin, output, progress)
    except OSError as error:
        why = "the disk is full" if error.errno in FULL else error.strerror or error
        raise click.ClickException(f"{output}: {why}; {GOES_ON}") from None
    except KeyboardInterrupt:
        raise click.ClickException(f"{output}: interrupted; {GOES_ON}") from None
    click.echo(
        f"{output}: {origin.size / 1e9:.2f} GB in {len(files)} "
        f"file{'s' if len(files) > 1 else ''}, from {origin.kind}"
    )
    if not {"tokenizer.model", "tokenizer.json"} & origin.companions.keys():
        click.echo(
            f"there is no tokenizer beside the weights: put its tokenizer.model into {output}",
            err=True,
        )


def open_tiny(name: Path) -> Origin:
    """The embedded model of that name; of any other, what is wrong with it as a path."""
    from workshop.llm.weights.convert_source import open_source
    from workshop.llm.weights.convert_widened import open_widened
    from workshop.roofline.widths import is_tiny
    from workshop.tiny.copies import WEIGHTS, copies_of

    if not is_tiny(str(name)):
        return open_source(name)
    return open_widened(WEIGHTS / "verifier", copies_of(str(name)))


@contextmanager
def bar(name: str) -> Iterator[Progress]:
    """Shows on standard error how far it is; silent where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(name)
        yield lambda done, total: shown.update(task, completed=done, total=total)
