"""Samples: every one as a point, in order, so that warm-up, drift and outliers are seen."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from workshop.figures.caption import caption_for, mixed_in
from workshop.figures.pooling import Pool, pooled
from workshop.figures.sheet import ShownFigure, sheet, wrapped
from workshop.figures.theme import (
    BODY,
    LABEL,
    PAPER,
    NothingToDrawError,
    Theme,
    fill_of,
    theme,
)
from workshop.record.results import Result, drawable
from workshop.util.text import number, printable

_WIDTH = 3.0  # inches of a panel, at a scale of 1
_HEIGHT = 1.7
_LEAST = 0.05  # of the median, to each side: less than that is noise, and looks like it


def samples(results: Sequence[Result], look: Theme = PAPER) -> ShownFigure:
    """A panel for each stage that has single samples, each with an axis of its own.

    Raises:
        NothingToDrawError: no result has single samples.
    """
    pools = pooled(results)
    shown = [pool for pool in pools if any(_speeds(run) for run in pool.runs)]
    if not shown:
        raise NothingToDrawError("none of these results has single samples")
    without = [printable(pool.label) for pool in pools if pool not in shown]
    notes = [
        "a point is a sample, in the order in which they were taken; the warm-up is not among them",
        "line: median; dotted: another run begins",
        "each panel has its own axis, which does not start at zero",
        f"no samples of: {', '.join(without)}" if without else "",
    ]
    width = _WIDTH * look.scale
    titles = [_title(pool, 72 * width, look) for pool in shown]
    with theme(look):
        figure, panels = sheet(
            look,
            titles,
            width=width,
            below=(LABEL + BODY + 4) * look.scale,
            caption=caption_for(shown, notes, [run for pool in shown for run in pool.runs]),
            cautions=mixed_in(results),
            height=_HEIGHT * (1 + 0.2 * (look.scale - 1)),
        )
        for axes, pool in zip(panels, shown, strict=True):
            _draw(axes, pool, look)
    return figure


def _title(pool: Pool, width: float, look: Theme) -> str:
    """The stage's name and its median, on one line."""
    speeds = [speed for run in pool.runs for speed in _speeds(run)]
    median = f": median {number(statistics.median(speeds))}"
    size = 1.1 * (BODY * look.scale + 2)  # bold
    room = width - len(median) * size * 0.56
    name = wrapped(printable(pool.label), room, size).splitlines()
    return f"{name[0]}{'…' if len(name) > 1 else ''}{median}"


def _draw(axes: Axes, pool: Pool, look: Theme) -> None:
    fill = fill_of(pool.stage, pool.is_variant, look)
    speeds = [speed for run in pool.runs for speed in _speeds(run)]
    median = statistics.median(speeds)
    numbers = range(1, len(speeds) + 1)
    axes.axhline(median, color=look.ink, lw=look.scale)
    ended = 0
    for run in pool.runs[:-1]:
        ended += len(_speeds(run))
        if 0 < ended < len(speeds):
            axes.axvline(ended + 0.5, color=look.faint, lw=look.scale, ls=":")
    axes.plot(
        numbers,
        speeds,
        ls="",
        marker=fill.marker,
        ms=(6.5 if len(speeds) <= 30 else 3.5) * look.scale,
        color=fill.color,
        markeredgecolor=look.ink,
        markeredgewidth=0.7 * look.scale,
        zorder=3,
    )
    far = max(abs(speed - median) for speed in speeds)
    half = max(far * 1.15, _LEAST * median) or 1.0
    axes.set(ylim=(median - half, median + half), xlim=(0.4, len(speeds) + 0.6))
    axes.set(xlabel="sample, in order", ylabel="tokens/s")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    axes.yaxis.grid(True, color=look.grid, lw=0.6)
    axes.tick_params(labelsize=LABEL * look.scale, color=look.faint)


def _speeds(run: Result) -> list[float]:
    return [speed for speed in run.sample_speeds if drawable(speed)]
