"""``workshop predict --against``: logs beside their predictions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from workshop.record.results import Result
    from workshop.roofline.against import Comparison


@dataclass(frozen=True)
class Held:
    """A log's run as it is printed with --json."""

    file: str
    stage: str | None
    measured_tokens_per_second: float | None
    ideal_tokens_per_second: float | None
    expected_tokens_per_second: float | None
    against_ideal: float | None
    against_expected: float | None
    cause: str


def hold_against(what: Sequence[str], options: dict[str, Any], as_json: bool) -> None:
    """Each log of ``what`` beside both readings; a word that is no file names the model.

    The exit code is 1 if none of them can be held against anything.
    """
    from workshop.record.readers import read_logs
    from workshop.record.results import to_json

    files = [Path(word) for word in what]
    model = None
    if files and not files[0].exists():
        from workshop.roofline.errors import RooflineError
        from workshop.roofline.models import find_model

        try:
            find_model(what[0])
            model, files = what[0], files[1:]
        except RooflineError:
            pass  # a file that is not there: the reader says so
    if not files:
        raise UsageError("name the logs: workshop predict --against FILE...")
    held, known = [], 0
    for reading in read_logs(files):
        one, found = _held(reading.path.name, reading.result, model, options)
        held.append(one)
        known += found is not None
    if as_json:
        click.echo(to_json(held))
    else:
        _show(held)
    if not known:
        sys.exit(1)


def _held(
    file: str, result: Result, model: str | None, options: dict[str, Any]
) -> tuple[Held, Comparison | None]:
    from workshop.cli.predict.options import plan_of
    from workshop.roofline.against import case_of, compare
    from workshop.roofline.device import find_device
    from workshop.roofline.errors import RooflineError

    device = find_device(options["gpu"]) if options["gpu"] else None
    plan = plan_of(options) if options["stage"] or options["dtype"] else None
    try:
        found = compare(result, case_of(result, model, device, plan))
    except RooflineError as error:
        none = (None,) * 5
        return Held(file, result.stage, *none, cause=f"no comparison: {error}"), None
    return (
        Held(
            file,
            result.label if result.stage else None,
            found.measured,
            found.ideal,
            found.expected,
            found.against_ideal,
            found.against_expected,
            found.cause,
        ),
        found,
    )


def _show(held: Sequence[Held]) -> None:
    from workshop.cli.predict.show import printed, table
    from workshop.util.text import one_line

    def number(value: float | None, form: str) -> str:
        return "-" if value is None else form.format(value)

    rows = [
        (
            one_line(one.file, 40),
            one_line(one.stage or "-", 40),
            number(one.measured_tokens_per_second, "{:.4g}"),
            number(one.expected_tokens_per_second, "{:.4g}"),
            number(one.against_expected, "{:.2f}x"),
            number(one.ideal_tokens_per_second, "{:.4g}"),
            number(one.against_ideal, "{:.2%}"),
        )
        for one in held
    ]
    head = ("file", "stage", "tokens/s", "expected", "of expected", "ideal", "of ideal")
    printed(table(head, rows, left=2))
    for one in held:
        click.echo(f"{one_line(one.file)}: {one_line(one.cause, 500)}")
