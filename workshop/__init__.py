"""Teach LLM inference optimisation on a Slurm cluster, by running it.

Five functions are for notebooks and scripts; each imports what it needs when it is called:

    import workshop

    results = [workshop.run("baseline"), workshop.run("compile", samples=3)]
    results += workshop.read("job-quantize-17.out")
    workshop.plot(results, kind="ladder", to="ladder.png")
    workshop.compare(results[:1], results[1:])
    ideal, expected = workshop.predict("llama-2-7b", gpu="a100")
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workshop.analysis.compare import Comparison
    from workshop.record.results import Result
    from workshop.roofline.inference import Prediction

__all__ = ["compare", "plot", "predict", "read", "run"]
__version__ = "0.2.0"

NO_QUESTIONS = ("what", "measured", "explain", "as_json", "output")  # of workshop predict's options


def run(stage: str, /, *, quiet: bool = True, **settings: Any) -> Result:
    """Measure a stage on this machine, as ``workshop run`` does.

    A run that fails raises nothing: its result has the status, the reason and what to do.

    Args:
        quiet: print nothing; False prints the log, with the traceback of an unexpected error.
        settings: in place of the stage's own, by the names of ``workshop.stages.settings``:
            ``samples=3``, ``quantize="int4"``.

    Raises:
        UsageError: a stage, a setting or a combination that there is not.
    """
    import click

    from workshop.cli.options import check
    from workshop.runner.launch import run_here
    from workshop.stages import settings_of
    from workshop.stages.settings import changed
    from workshop.util.errors import UsageError
    from workshop.util.keywords import as_keywords

    wanted = changed(settings_of(stage), settings)
    try:
        check(wanted)
    except (click.ClickException, UsageError) as error:
        sentence = error.message if isinstance(error, click.ClickException) else str(error)
        raise UsageError(as_keywords(sentence, *setting_keywords())) from None
    return run_here(wanted, quiet)


def read(*logs: str | Path) -> list[Result]:
    """The results of logs: ours, gpt-fast's, vLLM's, llama.cpp's and others' (docs/reading.md).

    Raises:
        UsageError: a file that cannot be read, or that no reader knows.
    """
    from workshop.record.readers import read_logs

    return [reading.result for reading in read_logs([Path(log) for log in logs])]


def plot(
    results: Iterable[Result] | Result,
    kind: str = "progression",
    theme: str = "paper",
    to: str | Path | None = None,
) -> Figure:
    """A figure of results (or of one), which a notebook shows; ``to`` writes it into a file too.

    Args:
        kind: progression, ladder, latency, samples, compare, sweep or roofline
            (docs/figures.md).
        theme: paper, slide or dark.
        to: a .png, .svg or .pdf.

    Raises:
        UsageError: a kind, a theme or an ending that there is not.
        NothingToDrawError: results that lack what this kind of figure is made of.
    """
    from workshop.figures import KINDS, THEME_NAMES
    from workshop.figures.kinds import figure_of
    from workshop.figures.theme import THEMES, NothingToDrawError, check_target, save_figure
    from workshop.util.errors import UsageError
    from workshop.util.user import user

    chosen = list_of_results(results)
    if kind not in [*KINDS] or theme not in THEME_NAMES:
        raise UsageError(
            f"there is no figure {kind!r} in the theme {theme!r}: kinds are {', '.join(KINDS)}; "
            f"themes are {', '.join(THEME_NAMES)}"
        )
    if to is not None:
        check_target(Path(to))
    if not chosen:
        raise NothingToDrawError("there are no results")
    figure = figure_of(kind, chosen, THEMES[theme], user())
    if to is not None:
        save_figure(figure, Path(to))
    return figure


def predict(
    model: str | Path | None = None, gpu: str | None = None, **options: Any
) -> tuple[Prediction, Prediction]:
    """What a machine should do with a model: the ideal reading and the expected one.

    Args:
        model: a known shape, a config.json or a checkpoint directory; None with the numbers of a
            model as options (``dim=4096, layers=32, heads=32, hidden=11008, vocab=32000``).
        gpu: a GPU or CPU of the tables (``workshop predict`` without one lists them).
        options: as ``workshop predict`` has them, without dashes: ``prompt=512``, ``tp=2``.

    Raises:
        UsageError: a model, a machine or an option that there is not.
    """
    import click

    from workshop.cli.predict import predict as command
    from workshop.cli.predict.options import Asked, usage_errors
    from workshop.util.errors import UsageError
    from workshop.util.keywords import as_keywords

    context = command.make_context("predict", [], resilient_parsing=True)
    types = {one.name: one.type for one in command.params}
    known = {name: None for name in context.params if name not in NO_QUESTIONS}
    given = {"gpu": gpu, **options}
    if unknown := sorted(given.keys() - known.keys()):
        raise UsageError(f"workshop.predict has no option {unknown[0]!r}")
    for name, value in given.items():
        try:
            known[name] = None if value is None else types[name].convert(value, None, context)
        except (click.BadParameter, TypeError, ValueError) as error:
            raise UsageError(f"{name} cannot be {value!r}: {error}") from None
    try:
        with usage_errors():
            return Asked.of(None if model is None else str(model), known).readings()
    except UsageError as error:
        choices = {name: getattr(types[name], "choices", ()) for name in known}
        raise UsageError(as_keywords(str(error), choices)) from None


def compare(before: Iterable[Result] | Result, after: Iterable[Result] | Result) -> Comparison:
    """Hold results against earlier ones, stage by stage: ratios, and what is more than noise.

    Raises:
        UsageError: nothing that both have.
    """
    from workshop.analysis.compare import compare as compared

    return compared(list_of_results(before), list_of_results(after))


def setting_keywords() -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The settings of a run, each with the words that it can have; and those that are flags."""
    from typing import get_args

    from workshop.stages.settings import declared, kind_is_literal

    known = declared()
    choices = {
        name: tuple(map(str, one.choices or (get_args(kind) if kind_is_literal(kind) else ())))
        for name, (one, kind, _) in known.items()
    }
    return choices, [name for name, (_, kind, _) in known.items() if kind is bool]


def list_of_results(results: Iterable[Result] | Result) -> list[Result]:
    """Results as a list; raises UsageError of anything else, such as the name of a log."""
    from workshop.record.results import Result
    from workshop.util.errors import UsageError

    if isinstance(results, Result):
        return [results]
    found = [] if isinstance(results, (str, Path)) else list(results)
    if isinstance(results, (str, Path)) or not all(isinstance(one, Result) for one in found):
        raise UsageError("results are needed, as workshop.run and workshop.read give them")
    return found
