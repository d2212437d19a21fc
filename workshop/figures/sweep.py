"""A sweep: tokens per second and times against the one setting that was varied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from workshop.analysis.identity import names_of, new_tokens_asked
from workshop.figures.bars import note
from workshop.figures.caption import COMPARED, caption_for, counted_as, mixed_in
from workshop.figures.latency import tpot, ttft
from workshop.figures.pooling import Pool, Value, pools_of
from workshop.figures.sheet import HEIGHT, ShownFigure, sheet, text_height, wrapped
from workshop.figures.stacking import Note, stacked
from workshop.figures.theme import (
    LABEL,
    PAPER,
    NothingToDrawError,
    Theme,
    fills,
    number,
    printable,
    theme,
)
from workshop.record.results import Result, drawable
from workshop.stages import STAGES, settings_of

_WIDTH = 3.0  # inches of a panel, at a scale of 1
_MOST_LEFT_OUT = 4  # runs that are named in the caption
_MOST_NUMBERED = 2  # lines whose values are written over their points
_MOST_VALUES = 8  # points of a line whose values are written over them
_WIDE = 8.0  # times the smallest value: from there on, the axis has steps of factors


@dataclass(frozen=True)
class Axis:
    """The setting that was varied.

    Attributes:
        value: of a run; None where it is not known.
        trait: its name among those that name a run.
        setting: its name in the settings of a run of ours.
    """

    name: str
    value: Callable[[Result], float | None]
    trait: str = ""
    setting: str | None = None


@dataclass(frozen=True)
class Series:
    """Runs that differ in nothing but the setting: pools by its value, in order."""

    name: str
    points: list[tuple[float, Pool]]


@dataclass(frozen=True)
class Panel:
    """One quantity against the setting."""

    title: str
    unit: str
    value: Callable[[Pool], Value | None]


# Settings that are no conditions: those of any tool, and those of ours alone.
_FIELDS = (
    Axis("concurrency", lambda run: run.concurrency, "concurrency"),
    Axis("batch size", lambda run: run.batch_size, "batch size", "batch_size"),
    Axis("prompt tokens", lambda run: run.prompt_tokens, "prompt tokens"),
    Axis("ranks", lambda run: run.world_size, "ranks", "ranks"),
    Axis("threads", lambda run: run.threads, "threads"),
    Axis("tokens proposed per pass", lambda run: _setting(run, "draft_tokens"), "", "draft_tokens"),
    Axis("decode steps per graph", lambda run: _setting(run, "decode_steps"), "", "decode_steps"),
    Axis("new tokens", new_tokens_asked, "new tokens", "new_tokens"),
)


PANELS = (
    Panel("Tokens per second", "tokens/s", lambda pool: pool.tokens_per_second),
    Panel("Time per later token (TPOT)", "ms a token", tpot),
    Panel("Time to first token (TTFT)", "ms", ttft),
)


def sweep(results: Sequence[Result], look: Theme = PAPER) -> ShownFigure:
    """A panel for each quantity that is known, a line for each series; on a slide, two panels.

    Raises:
        NothingToDrawError: no results that differ in a number that was set, and in that alone.
    """
    axis, series = series_of(results)
    pools = [pool for one in series for _, pool in one.points]
    known = [panel for panel in PANELS if any(panel.value(pool) for pool in pools)]
    panels = known[: look.columns]  # a second row would be too small to read on a slide
    named = len(series) > 1
    notes = [
        counted_as([run for pool in pools for run in pool.runs]),
        "error bars: standard deviation over samples",
        f"only what differs in {axis.name} alone is drawn",
        *_left_out(results, pools),
    ]
    size = LABEL * look.scale
    legend = [wrapped(printable(one.name), 72 * _WIDTH * look.scale, size) for one in series]
    room = sum(text_height(text, size) + 0.6 * size for text in legend) + size if named else 0.0
    with theme(look):
        figure, drawn = sheet(
            look,
            [panel.title for panel in panels],
            width=_WIDTH * look.scale,
            below=4.4 * size + room,
            caption=caption_for(pools, notes),
            cautions=cautions(results),
        )
        for axes, panel in zip(drawn, panels, strict=True):
            for place, (one, text) in enumerate(zip(series, legend, strict=True)):
                _draw_line(axes, panel, one, text, place, look)
            _finish(axes, axis, panel, series, look)
            if len(series) <= _MOST_NUMBERED:
                _write_values(axes, panel, series, look)
        if named:
            drawn[0].legend(
                loc="upper left",
                bbox_to_anchor=(0, -4.2 * size / (72 * HEIGHT)),
                borderaxespad=0,
                borderpad=0,
                fontsize=size,
            )
    return figure


def _left_out(results: Sequence[Result], pools: Sequence[Pool]) -> list[str]:
    """The runs that have tokens/s and are on no line: one of no number, such as unlimited."""
    drawn = {id(run) for pool in pools for run in pool.runs}
    left = [
        f"{printable(name)}: {number(run.tokens_per_second)} tokens/s"
        for name, run in zip(names_of(results), results, strict=True)
        if id(run) not in drawn and drawable(run.tokens_per_second)
    ]
    more = ", ..." if len(left) > _MOST_LEFT_OUT else ""
    return [f"left out: {', '.join(left[:_MOST_LEFT_OUT])}{more}"] if left else []


def cautions(results: Sequence[Result]) -> list[str]:
    """What differs between the lines that their names do not tell: what their tokens/s count."""
    return mixed_in(results, but=list(COMPARED))


def series_of(results: Sequence[Result]) -> tuple[Axis, list[Series]]:
    """The setting that was varied most, and the lines against it.

    Raises:
        NothingToDrawError: there is none.
    """
    drawn = [run for run in results if any(panel_value(run) for panel_value in _MEASURED)]
    found = [(axis, _lines(axis, drawn)) for axis in _axes(drawn)]
    longest = [
        (sum(len(one.points) for one in lines), axis, lines) for axis, lines in found if lines
    ]
    if not longest:
        raise NothingToDrawError(
            "no two of these results differ in one number that was set, such as the concurrency "
            "or the batch size, and in nothing else"
        )
    _, axis, lines = max(longest, key=lambda one: one[0])
    return axis, lines


_MEASURED: tuple[Callable[[Result], bool], ...] = (
    lambda run: drawable(run.tokens_per_second),
    lambda run: drawable(run.ttft_seconds),
    lambda run: drawable(run.tpot_seconds),
)


def _axes(results: Sequence[Result]) -> list[Axis]:
    """The settings that are numbers and are not the same in all of these results."""
    names = dict.fromkeys(name for run in results for name in sorted(run.conditions))
    conditions = [Axis(name, _condition(name), name) for name in names]
    return [
        axis
        for axis in [*_FIELDS, *conditions]
        if len({value for run in results if (value := axis.value(run)) is not None}) > 1
    ]


def _setting(run: Result, name: str) -> float | None:
    return None if run.settings is None else getattr(run.settings, name)


def _without(run: Result, axis: Axis) -> Result:
    """The run as if its setting on the axis were the stage's own: it names no series."""
    settings = run.settings
    if settings is None and axis.trait == "prompt tokens":
        return replace(run, prompt_tokens=None)  # which llama-bench calls a test by
    if settings is None and axis.trait == "new tokens":
        return replace(run, new_tokens=None)
    if axis.setting is None or settings is None or settings.stage not in STAGES:
        return run
    own = getattr(settings_of(settings.stage), axis.setting)
    return replace(run, settings=replace(settings, **{axis.setting: own}))


def _condition(name: str) -> Callable[[Result], float | None]:
    def value(run: Result) -> float | None:
        found = run.conditions.get(name)
        is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
        return float(found) if is_number and drawable(float(found)) else None  # type: ignore[arg-type]

    return value


# What a client's load grows by beside the setting itself: it tells no lines apart.
_ALONG = {
    "concurrency": ("requests", "input tokens"),
    "request rate, 1/s": ("requests", "input tokens"),
    "requests": ("input tokens",),
    "input tokens a request": ("input tokens",),
}


def _lines(axis: Axis, results: Sequence[Result]) -> list[Series]:
    """The series of two points and more."""
    known = [run for run in results if axis.value(run) is not None]
    if not known:
        return []
    by_name: dict[str, dict[float, list[Result]]] = {}
    passed_over = {axis.trait, *_ALONG.get(axis.trait, ())}
    names = names_of([_without(run, axis) for run in known], without=passed_over)
    for name, run in zip(names, known, strict=True):
        by_name.setdefault(name, {}).setdefault(float(axis.value(run) or 0), []).append(run)
    return [
        Series(
            name, [(x, pools_of([name] * len(runs), runs)[0]) for x, runs in sorted(points.items())]
        )
        for name, points in by_name.items()
        if len(points) > 1
    ]


def _draw_line(axes: Axes, panel: Panel, one: Series, text: str, place: int, look: Theme) -> None:
    known = [(x, value) for x, pool in one.points if (value := panel.value(pool)) is not None]
    if not known:
        return
    colored = [fill for fill in fills(look) if fill.color != look.ground]
    fill = colored[(place + 1) % len(colored)]
    axes.errorbar(
        [x for x, _ in known],
        [value.mean for _, value in known],
        [
            [min(value.std or 0.0, value.mean) for _, value in known],
            [value.std or 0.0 for _, value in known],
        ],
        color=fill.color,
        ecolor=look.ink,
        marker=fill.marker,
        markeredgecolor=look.ink,
        markeredgewidth=0.7 * look.scale,
        lw=1.6 * look.scale,
        ms=6 * look.scale,
        elinewidth=look.scale,
        capsize=3 * look.scale,
        label=text,
    )


def _write_values(axes: Axes, panel: Panel, series: Sequence[Series], look: Theme) -> None:
    """The values over their points, where they have room beside those of the next point."""
    columns: dict[float, list[Note]] = {}
    size = LABEL * look.scale
    for one in series:
        for x, pool in one.points:
            if (value := panel.value(pool)) is not None:
                columns.setdefault(x, []).append(
                    Note(number(value.mean), value.mean + (value.std or 0.0), size)
                )
    if len(columns) > _MOST_VALUES:
        return
    top = axes.get_ylim()[1]
    for x, notes in columns.items():
        for text, y, points in stacked(notes, lambda y: 72 * HEIGHT * y / top, 5 * look.scale):
            note(axes, text.text, (x, y), points, size, look)


def _finish(axes: Axes, axis: Axis, panel: Panel, series: Sequence[Series], look: Theme) -> None:
    places = sorted({x for one in series for x, _ in one.points})
    if places[0] > 0 and places[-1] >= _WIDE * places[0]:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_minor_locator(NullLocator())
    if len(places) <= 10:
        axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    pools = [pool for one in series for _, pool in one.points]
    highest = max((v.mean + (v.std or 0.0) for p in pools if (v := panel.value(p))), default=0.0)
    texts = (
        min(len(series), _MOST_NUMBERED) * (text_height("0", LABEL * look.scale) + 5 * look.scale)
        + 5 * look.scale
    )
    room = 72 * HEIGHT / (72 * HEIGHT - min(texts, 48 * HEIGHT))
    axes.set(ylim=(0, room * highest or 1.0), ylabel=panel.unit, xlabel=printable(axis.name))
    axes.margins(x=0.12)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    axes.yaxis.grid(True, color=look.grid, lw=0.6)
    axes.tick_params(labelsize=LABEL * look.scale, color=look.faint)
