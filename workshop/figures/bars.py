"""A panel of bars, each with its value over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from workshop.figures.pooling import Value
from workshop.figures.sheet import AIR, text_height
from workshop.figures.theme import LABEL, Fill, Theme
from workshop.util.text import number, printable

REFERENCE = 6.5  # points, at a scale of 1
FEWEST = 3  # bars that a panel has room for, though there be fewer


@dataclass(frozen=True)
class Bar:
    """One bar; without a value, a gap.

    Attributes:
        label: the text over it.
        reference: text and height of a line across it.
        gap: whether to mark a missing value as a gap; otherwise the place stays empty.
    """

    look: Fill
    value: Value | None
    label: str = ""
    reference: tuple[str, float] | None = None
    gap: bool = True


@dataclass(frozen=True)
class Mark:
    """A text over a bar: ``points`` above the height ``y``."""

    text: str
    y: float
    points: float
    size: float

    @property
    def height(self) -> float:
        return text_height(self.text, self.size)


def draw_bars(
    axes: Axes, bars: Sequence[Bar], names: Sequence[str], unit: str, height: float, theme: Theme
) -> None:
    """Draw the bars from left to right on a panel of ``height`` inches."""
    top = _top(bars, 72 * height, theme.scale)
    for x, bar in enumerate(bars):
        if bar.value is None:
            if bar.gap:
                gap(axes, x, theme)
            continue
        look = bar.look
        axes.bar(
            x, bar.value.mean, 0.72, color=look.color, hatch=look.hatch, edgecolor=look.edge, lw=0
        )
        if bar.value.std is not None:
            error_bar(axes, x, bar.value, theme)
        if bar.reference:
            ends = [x - 0.46, x + 0.46]
            axes.plot(ends, [bar.reference[1]] * 2, color=theme.ink, lw=1.2, ls=(0, (3, 1.5)))
        for mark in _marks(bar, bar.value, top, 72 * height, theme.scale):
            note(axes, mark.text, (x, mark.y), mark.points, mark.size, theme)
    set_slots(axes, names, theme)
    axes.set(ylim=(0, top), ylabel=unit)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    axes.yaxis.grid(True, color=theme.grid, lw=0.6)
    if not any(bar.value for bar in bars):
        axes.set_yticks([])


def factor_lines(factors: Mapping[str, float]) -> list[str]:
    """'6.68× baseline' and '1.52× quantize': the text of factors by the stage divided by."""
    return [
        f"{number(factor)}\N{MULTIPLICATION SIGN} {printable(stage)}"
        for stage, factor in factors.items()
        if factor > 0
    ]


def set_slots(axes: Axes, names: Sequence[str], theme: Theme) -> None:
    """One place on the x axis for each name, in the middle of the panel if they are few."""
    middle, slots = (len(names) - 1) / 2, max(len(names), FEWEST)
    size = LABEL * theme.scale
    axes.set(xlim=(middle - slots / 2, middle + slots / 2))
    axes.set_xticks(range(len(names)), names, size=size)
    axes.tick_params(axis="x", length=0)
    axes.tick_params(axis="y", which="both", labelsize=size, color=theme.faint)


def note(
    axes: Axes, text: str, place: tuple[float, float], points: float, size: float, theme: Theme
) -> None:
    """A text ``points`` above a place, or below it if they are negative."""
    axes.annotate(
        text,
        place,
        (0, points),
        textcoords="offset points",
        ha="center",
        va="bottom" if points >= 0 else "top",
        size=size,
        bbox={"facecolor": theme.ground, "edgecolor": "none", "alpha": 0.85, "pad": 0.4},
        zorder=5,
    )


def gap(axes: Axes, x: float, theme: Theme) -> None:
    """The place of a result without a number."""
    axes.text(
        x,
        0.03,
        "no result",
        transform=axes.get_xaxis_transform(),
        rotation=90,
        ha="center",
        va="bottom",
        size=LABEL * theme.scale,
        color=theme.faint,
        style="italic",
    )


def error_bar(axes: Axes, x: float, value: Value, theme: Theme, cap: float = 3.0) -> None:
    """One deviation to each side, not below zero, with a rim that shows it on a dark bar."""
    mean, std = value.mean, value.std or 0.0
    bars = axes.errorbar(
        x,
        mean,
        [[min(std, mean)], [std]],
        fmt="none",
        ecolor=theme.ink,
        elinewidth=theme.scale,
        capsize=cap * theme.scale,
    )
    for artist in (*bars.lines[1], *bars.lines[2]):
        rim = withStroke(linewidth=2.5 * theme.scale, foreground=theme.ground)
        artist.set_path_effects([rim])


def _top(bars: Sequence[Bar], panel: float, scale: float) -> float:
    """The axis' upper limit: the lowest under which every bar has room for its texts."""
    top, air = 0.0, AIR * scale
    for bar in bars:
        if bar.value:
            texts = air + text_height(bar.label, LABEL * scale)
            if bar.reference:
                texts += air + text_height(bar.reference[0], REFERENCE * scale)
            highest = max(
                bar.value.mean + (bar.value.std or 0.0), bar.reference[1] if bar.reference else 0.0
            )
            top = max(top, highest * panel / (panel - texts - air))
    return top or 1.0


def _marks(bar: Bar, value: Value, top: float, panel: float, scale: float) -> list[Mark]:
    """The texts over one bar: its value, and the reference's where they do not touch."""
    air = AIR * scale
    end = value.mean + (value.std or 0.0)
    own = Mark(bar.label, end, air, LABEL * scale)
    if bar.reference is None:
        return [own]
    text, height = bar.reference
    beside = Mark(text, height, air, REFERENCE * scale)
    above = (height - end) * panel / top  # points from the bar's top up to the line
    if above > own.height + 2 * air or -above > beside.height + 2 * air:
        return [own, beside]
    upper = max(end, height)
    beside = Mark(text, upper, air, REFERENCE * scale)
    return [beside, Mark(bar.label, upper, beside.height + 2 * air, LABEL * scale)]
