"""``workshop results``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from workshop.record.readers import Reading
    from workshop.record.results import Result

_WIDE = 250  # columns of a table that goes to a file
_CELL = 60  # characters of a text from a log
# What Markdown and the HTML in it act on.
_MARKDOWN = str.maketrans(
    {char: f"\\{char}" for char in "\\`*_[]|~$#"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "form", flag_value="json", help="Print all results as JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print all results as CSV, one row per run.")
@click.option("--md", "form", flag_value="md", help="Print the table in Markdown.")
def results(files: tuple[Path, ...], form: str | None) -> None:
    """Print the results in FILES: logs of this workshop, or of other tools.

    The format of each file is detected: workshop, gpt-fast and its relatives, vLLM, SGLang,
    llama.cpp and more (docs/reading.md). compile=FILE names the stage of another tool's log. The
    exit code is 1 if a file has no result.
    """
    from workshop.cli.log_notes import note
    from workshop.record.readers import read_logs
    from workshop.record.readers.entries import gave_result

    readings = read_logs(files)
    write = {"json": _write_json, "csv": _write_csv, "md": _write_markdown}.get(
        form or "", _write_table
    )
    write(readings)
    note(files)
    with_result = {reading.path for reading in readings if gave_result(reading.result)}
    if with_result != {reading.path for reading in readings}:
        sys.exit(1)


def _write_json(readings: Sequence[Reading]) -> None:
    import json

    from workshop.record.readers.entries import entry

    click.echo(json.dumps([entry(one) for one in readings], indent=2, allow_nan=False))


def _write_csv(readings: Sequence[Reading]) -> None:
    import csv
    import io

    from workshop.record.readers.entries import KEYS, entry

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(KEYS)
    for one in readings:
        writer.writerow(csv_cell(value) for value in entry(one).values())
    click.echo(text.getvalue(), nl=False)


def csv_cell(value: Any) -> str | int | float:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    import json

    from workshop.util.text import one_line

    if value is None or value == []:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, list) and all(isinstance(one, (int, float)) for one in value):
        return " ".join(map(str, value))
    text = value if isinstance(value, str) else json.dumps(value)
    text = one_line(text, 100_000)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _write_markdown(readings: Sequence[Reading]) -> None:
    head, rows = cells(readings)
    lines = [head, ["---"] * len(head), *([markdown(cell) for cell in row] for row in rows)]
    for line in lines:
        click.echo(f"| {' | '.join(line)} |")
    for sentence in remarks(readings):
        click.echo(f"\n{markdown(sentence)}")


def markdown(text: str) -> str:
    """Text of unknown origin for a line of Markdown: nothing in it is acted on."""
    return text.translate(_MARKDOWN)


def _write_table(readings: Sequence[Reading]) -> None:
    from rich.console import Console

    head, rows = cells(readings)
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    console.print(_table(head, rows))
    for sentence in remarks(readings):
        click.echo(sentence)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in head:
        shown.add_column(name, justify="left" if name in _TEXTS else "right", overflow="fold")
    for row in rows:
        shown.add_row(*map(Text, row))
    return shown


_TEXTS = ("file", "format", "stage", "stage from", "settings", "device")


def cells(readings: Sequence[Reading]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table, as plain text, without the columns in which nothing is known."""
    rows = [_row(one) for one in readings]
    used = [name for name in rows[0] if any(row[name] for row in rows)] if rows else ["file"]
    return used, [[row[name] or "-" for name in used] for row in rows]


def _row(reading: Reading) -> dict[str, str]:
    from workshop.analysis.identity import in_words
    from workshop.analysis.table import speed
    from workshop.record.readers.entries import gave_result
    from workshop.util.text import one_line

    result = reading.result
    tokens_per_second = speed(result.tokens_per_second, result.tokens_per_second_std).removesuffix(
        "."
    )
    row = {
        "file": one_line(reading.path.name, _CELL),
        "format": one_line(result.format, _CELL),
        "stage": one_line(result.label if result.stage else "", _CELL),
        "stage from": result.stage_source or "",
        "tokens/s": tokens_per_second if result.tokens_per_second is not None else "",
        "samples": str(len(result.sample_speeds) or ""),
        "TTFT ms": _number(result.ttft_seconds, 1e3),
        "TPOT ms": _number(result.tpot_seconds, 1e3),
        "GB/s": _number(result.bandwidth_gb_per_second),
        "memory GB": _number(result.memory_gb),
        "compile s": _number(result.compile_seconds),
        "accepted": _number(result.mean_accepted),
        "latency s": _number(result.latency_seconds),
        "batch": _count(result.batch_size),
        "concurrency": _count(result.concurrency),
        "prompt": _count(result.prompt_tokens),
        "new": _count(result.new_tokens),
        "device": one_line(result.device or "", _CELL),
        "settings": one_line(", ".join(in_words(*one) for one in result.conditions.items()), 100),
    }
    if not gave_result(result):
        row["tokens/s"] = "no result"
    return row


def _number(value: float | None, by: float = 1.0) -> str:
    from workshop.analysis.table import number

    return "" if value is None else number(value * by)


def _count(value: int | None) -> str:
    return "" if value is None else str(value)


def remarks(readings: Sequence[Reading]) -> list[str]:
    """What to know beside the table: why results are missing, and what cannot be compared."""
    from workshop.record.readers.entries import definitions_of

    sentences = [sentence for reading in readings for sentence in _remarks_on(reading)]
    counted = definitions_of([reading.result for reading in readings])
    if len(counted) > 1:
        each = "; ".join(f"{what} ({', '.join(formats)})" for what, formats in counted.items())
        sentences.append(f"not comparable: the tokens/s count different things: {_safe(each)}")
    return sentences


def _remarks_on(reading: Reading) -> list[str]:
    from workshop.record.readers.entries import gave_result

    result: Result = reading.result
    sentences = [f"Warning: {sentence}" for sentence in result.warnings]
    if not gave_result(result):
        sentences.append(f"no result: {result.reason or 'the log has no number, and no reason'}")
    elif result.status != "ok":
        sentences.append(f"not complete: {result.reason or 'the log does not say why'}")
    return [_safe(f"{reading.path.name}: {sentence}") for sentence in sentences]


def _safe(text: str) -> str:
    from workshop.util.text import one_line

    return one_line(text, 500)
