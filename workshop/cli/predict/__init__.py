"""``workshop predict``: what a machine should do with a model, before it is run."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workshop.cli.options import with_options
from workshop.cli.predict.options import ASKED, DEVICE, MODEL_NUMBERS, REACHED, WAY, Asked

if TYPE_CHECKING:
    from workshop.roofline.inference import Prediction

# Commands in the module of that name, imported only when one runs.
BESIDE = ("sweep", "train")


class WithSubcommands(click.Command):
    """A command of its own, whose first word may name another one."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        if args and args[0] in BESIDE:
            name, *rest = args
            command = getattr(importlib.import_module(f"workshop.cli.predict.{name}"), name)
            return command.make_context(f"{info_name} {name}", rest, parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(cls=WithSubcommands)
@click.argument("what", metavar="MODEL", nargs=-1)
@with_options([*DEVICE, *WAY, *ASKED, *MODEL_NUMBERS, *REACHED])
@click.option(
    "--against",
    "measured",
    is_flag=True,
    help="Compare measured logs with their predictions: workshop predict --against FILE...",
)
@click.option("--explain", is_flag=True, help="Show the arithmetic, line by line.")
@click.option("--json", "as_json", is_flag=True, help="Print both readings as JSON.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Draw the breakdown into a .png, .svg or .pdf.",
)
def predict(
    what: tuple[str, ...],
    measured: bool,
    explain: bool,
    as_json: bool,
    output: Path | None,
    **options: Any,
) -> None:
    """Predict how MODEL should perform on a machine: TTFT, TPOT, memory, and what bounds them.

    MODEL is a known shape (llama-2-7b, tiny, ...), a Hugging Face config.json or a checkpoint
    directory; or pass its dimensions as options. Prints two readings: ideal, without losses, and
    expected, with efficiencies fitted to published measurements (docs/predict.md).

    \b
    workshop predict sweep MODEL ...   draw TTFT and TPOT against batch, prompt, context or tp
    workshop predict train MODEL ...   step time, GPU-hours and memory of training
    """
    from workshop.cli.predict.options import usage_errors

    with usage_errors():
        if measured:
            from workshop.cli.predict.against import hold_against

            hold_against(what, options, as_json)
            return
        _predict(Asked.of(_one_model(what), options), explain, as_json, output)


def _one_model(what: tuple[str, ...]) -> str | None:
    from workshop.util.errors import UsageError

    if len(what) > 1:
        raise UsageError(
            f"one model is predicted at a time, and {len(what)} words name one: "
            f"{' '.join(what)} (logs come after --against)"
        )
    return what[0] if what else None


def _predict(asked: Asked, explain: bool, as_json: bool, output: Path | None) -> None:
    from workshop.record.results import to_json

    if output is not None:
        from workshop.figures.theme import check_target

        check_target(output)
    ideal, expected = asked.readings()
    if as_json:
        click.echo(to_json({"ideal": ideal, "expected": expected}))
    elif explain:
        for line in _explained(asked):
            click.echo(line)
    else:
        from workshop.cli.predict.show import show

        show(asked, ideal, expected)
    if output is not None:
        _draw(asked, ideal, expected, output, as_json)


def _explained(asked: Asked) -> Iterable[str]:
    from workshop.roofline.efficiency import IDEAL
    from workshop.roofline.explain import explained

    for name, reached in (("ideal", IDEAL), ("expected", asked.reached)):
        yield f"== {name}: {asked.words} =="
        yield from explained(
            asked.shape, asked.device, asked.work, asked.plan, reached, asked.speculation
        )
        yield ""


def _draw(asked: Asked, ideal: Prediction, expected: Prediction, output: Path, quiet: bool) -> None:
    from workshop.cli.predict.figure import breakdown
    from workshop.figures.theme import FigureError, save_figure

    try:
        save_figure(breakdown(asked.words, ideal, expected), output)
    except FigureError as error:
        raise click.ClickException(str(error)) from None
    click.echo(output, err=quiet)
