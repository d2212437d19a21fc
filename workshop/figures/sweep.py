"""A sweep: tokens per second and times against the one setting that was varied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from workshop.analysis.identity import names_of
from workshop.figures.bars import note
from workshop.figures.caption import COMPARED, caption_for, mixed_in
from workshop.figures.latency import tpot, ttft
from workshop.figures.pooling import Pool, Value
from workshop.figures.series import Axis, Series, series_of
from workshop.figures.sheet import HEIGHT, ShownFigure, sheet, text_height, wrapped
from workshop.figures.stacking import Note, stacked
from workshop.figures.theme import LABEL, PAPER, Theme, fills, theme
from workshop.record.results import Result, drawable
from workshop.util.text import number, printable

_WIDTH = 3.0  # inches of a panel, at a scale of 1
_MOST_LEFT_OUT = 4  # runs that are named in the caption
_MOST_NUMBERED = 2  # lines whose values are written over their points
_MOST_VALUES = 8  # points of a line whose values are written over them
_WIDE = 8.0  # times the smallest value: from there on, the axis has steps of factors


@dataclass(frozen=True)
class Panel:
    """One quantity against the setting."""

    title: str
    unit: str
    value: Callable[[Pool], Value | None]


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
            caption=caption_for(pools, notes, [run for pool in pools for run in pool.runs]),
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
