"""``workshop predict sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workshop.cli.options import with_options
from workshop.cli.predict.options import ASKED, DEVICE, MODEL_NUMBERS, MOST, REACHED, WAY

if TYPE_CHECKING:
    from workshop.cli.predict.options import Asked
    from workshop.roofline.sweep import Point

MOST_VALUES = 200


class Values(click.ParamType):
    """``1,2,4,8`` or ``10-1500`` with ``:step``, as ``10-1500:100``."""

    name = "values"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            parts = [_numbers(part) for part in str(value).split(",")]
            count = sum(len(part) for part in parts)
        except (ValueError, OverflowError):
            parts, count = [], 0
        found = [number for part in parts for number in part] if count <= MOST_VALUES else []
        if not found or min(found) < 1 or max(found) > MOST:
            self.fail(
                f"{value!r} is not a list of whole numbers above 0 such as 1,2,4 or 10-1500:100 "
                f"(at most {MOST_VALUES})"
            )
        return tuple(dict.fromkeys(sorted(found)))


def _numbers(part: str) -> range:
    ends, _, step = part.partition(":")
    first, _, last = ends.partition("-")
    return range(int(first), int(last or first) + 1, int(step or 1))


@click.command()
@click.argument("model", required=False)
@click.option(
    "--over",
    type=click.Choice(["batch", "prompt", "context", "tp"]),
    default="batch",
    show_default=True,
    help="Quantity to sweep.",
)
@click.option(
    "--values",
    type=Values(),
    help="Values to sweep over: 1,2,4,8 or 10-1500:100 (from-to:step).",
)
@with_options([*DEVICE, *WAY, *ASKED, *MODEL_NUMBERS, *REACHED])
@click.option("--json", "as_json", is_flag=True, help="Print the points as JSON.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("sweep.png"),
    show_default=True,
    help="File of the figure: .png, .svg or .pdf.",
)
def sweep(
    model: str | None,
    over: Any,
    values: tuple[int, ...] | None,
    as_json: bool,
    output: Path,
    **options: Any,
) -> None:
    """Draw TTFT and TPOT of MODEL against batch, prompt length, context or tp."""
    from workshop.cli.predict.options import Asked, usage_errors
    from workshop.record.results import to_json
    from workshop.roofline import sweep as sweeping

    if not as_json:
        _check(output)
    with usage_errors():
        asked = Asked.of(model, options)
        points = sweeping.sweep(
            over,
            values or sweeping.VALUES[over],
            asked.shape,
            asked.device,
            asked.work,
            asked.plan,
            asked.reached,
            asked.speculation,
            asked.cost_per_gpu_hour,
        )
    if as_json:
        click.echo(to_json(points))
        return
    _show(over, points)
    _draw(asked, over, points, output)


def _check(output: Path) -> None:
    from workshop.cli.show import check_default
    from workshop.figures.theme import check_target

    check_target(output)
    check_default(output)


def _show(over: str, points: list[Point]) -> None:
    from workshop.cli.predict.show import printed, table

    rows = [
        (
            str(one.value),
            f"{one.ideal.ttft_seconds * 1e3:.4g}",
            f"{one.expected.ttft_seconds * 1e3:.4g}",
            f"{one.ideal.tpot_seconds * 1e3:.4g}",
            f"{one.expected.tpot_seconds * 1e3:.4g}",
            f"{one.expected.batch_tokens_per_second:.4g}",
            one.expected.bound,
            "" if one.expected.fits else "does not fit",
        )
        for one in points
    ]
    head = (
        over,
        "TTFT ideal ms",
        "expected",
        "TPOT ideal ms",
        "expected",
        "tokens/s",
        "decode bound by",
        "",
    )
    printed(table(head, rows))


def _draw(asked: Asked, over: str, points: list[Point], output: Path) -> None:
    from workshop.cli.predict.figure import curves
    from workshop.figures.theme import FigureError, save_figure

    try:
        save_figure(curves(asked.words, over, points), output)
    except FigureError as error:
        raise click.ClickException(str(error)) from None
    click.echo(output)
