"""The progression: memory, bandwidth and tokens per second, a bar for each stage.

Everything is placed in inches and points, so that a figure of two bars and one of eight have the
same type, the same bars and labels that do not touch: only its width differs.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from workshop.figures.caption import caption_for, warnings_for
from workshop.figures.pooling import Pool, Value, baseline_of, drawable, pooled
from workshop.figures.theme import (
    FAINT,
    GRID,
    INK,
    SMALL,
    look_of,
    number,
    printable,
    signed_percent,
    theme,
)
from workshop.results import Result

# Inches.
_PITCH = 0.72  # from bar to bar
_LEFT, _RIGHT = 0.82, 0.1  # of each panel: the axis with its numbers, and air
_TOP, _HEIGHT = 0.4, 3.3  # the title, and the panel
_MARGIN = 0.12
_FEWEST = 3  # bars that a panel has room for, though there be fewer

# Points.
_LABEL = 8.0
_REFERENCE = 6.5
_AIR = 3.0
_LINE = 1.3  # line height, in type sizes
_CHARACTER = 0.56  # width, in type sizes

_MOST_LINES = 9  # of a bar's name


@dataclass(frozen=True)
class Panel:
    """One quantity of the three."""

    title: str
    unit: str
    name: str  # of the pool's value

    def value(self, pool: Pool) -> Value | None:
        found: Value | None = getattr(pool, self.name)
        return found


PANELS = (
    Panel("Memory used", "GB", "memory_gb"),
    Panel("Bandwidth achieved", "GB/s", "bandwidth_gb_per_second"),
    Panel("Tokens per second", "tokens/s", "tokens_per_second"),
)


@dataclass(frozen=True)
class Mark:
    """A text over a bar: ``points`` above the height ``y``."""

    text: str
    y: float
    points: float
    size: float

    @property
    def height(self) -> float:
        return _height(self.text, self.size)


def progression(results: Sequence[Result]) -> Figure:
    """The three panels, with bars in the stages' order; a result without a number leaves a gap."""
    pools = pooled(results)
    slots = max(len(pools), _FEWEST)
    names = [_wrapped(printable(pool.label), _PITCH * 72, _LABEL) for pool in pools]
    panel_width = slots * _PITCH
    width = len(PANELS) * (_LEFT + panel_width + _RIGHT) + _MARGIN
    names_height = max((_height(name, _LABEL) for name in names), default=0.0) / 72 + 0.1
    text_width = 72 * (width - 2 * _MARGIN)
    caution = "\n".join(
        _wrapped(f"Caution: {sentence}.", text_width, SMALL) for sentence in warnings_for(results)
    )
    caption = "\n".join(_wrapped(line, text_width, SMALL) for line in caption_for(pools))
    caption_height = _height(caption, SMALL) / 72
    caution_height = _height(caution, SMALL) / 72
    below = names_height + caption_height + caution_height + 2 * _MARGIN
    height = _TOP + _HEIGHT + below

    with theme():
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        for column, panel in enumerate(PANELS):
            left = column * (_LEFT + panel_width + _RIGHT) + _LEFT
            box = (left / width, below / height, panel_width / width, _HEIGHT / height)
            _draw(figure.add_axes(box), panel, pools, names, slots)
        places = ((caption, caption_height, FAINT), (caution, 0.0, INK))
        for text, lift, color in places:
            figure.text(
                _MARGIN / width,
                (_MARGIN + (caution_height if lift else 0.0)) / height,
                text,
                size=SMALL,
                color=color,
                weight="normal" if lift else "bold",
                va="bottom",
            )
    return figure


def _draw(
    axes: Axes, panel: Panel, pools: Sequence[Pool], names: Sequence[str], slots: int
) -> None:
    values = [panel.value(pool) for pool in pools]
    references = [_reference(pool) if panel.name == "tokens_per_second" else None for pool in pools]
    baseline = baseline_of(pools)
    labels = [
        _label(value, None if pool is baseline or baseline is None else panel.value(baseline))
        for pool, value in zip(pools, values, strict=True)
    ]
    top = _top(values, labels, references)
    for x, (pool, value) in enumerate(zip(pools, values, strict=True)):
        if value is None:
            _gap(axes, x)
            continue
        look = look_of(pool.stage, pool.is_variant)
        axes.bar(x, value.mean, 0.72, color=look.color, hatch=look.hatch, edgecolor=look.edge, lw=0)
        if value.std is not None:
            _error_bar(axes, x, value.mean, value.std)
        reference = references[x]
        if reference:
            axes.plot([x - 0.46, x + 0.46], [reference[1]] * 2, color=INK, lw=1.2, ls=(0, (3, 1.5)))
        for mark in _marks(value, labels[x], reference, top):
            axes.annotate(
                mark.text,
                (x, mark.y),
                (0, mark.points),
                textcoords="offset points",
                ha="center",
                va="bottom",
                size=mark.size,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.4},
            )
    middle = (len(pools) - 1) / 2
    axes.set(xlim=(middle - slots / 2, middle + slots / 2), ylim=(0, top), ylabel=panel.unit)
    axes.set_title(panel.title, pad=8)
    axes.set_xticks(range(len(pools)), names, size=_LABEL)
    axes.tick_params(axis="x", length=0)
    axes.tick_params(axis="y", labelsize=_LABEL, color=FAINT)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    axes.yaxis.grid(True, color=GRID, lw=0.6)
    if not any(values):
        axes.set_yticks([])


def _gap(axes: Axes, x: int) -> None:
    axes.text(
        x,
        0.03,
        "no result",
        transform=axes.get_xaxis_transform(),
        rotation=90,
        ha="center",
        va="bottom",
        size=_LABEL,
        color=FAINT,
        style="italic",
    )


def _error_bar(axes: Axes, x: int, mean: float, std: float) -> None:
    """One deviation to each side, not below zero, with a rim that shows it on a dark bar."""
    bars = axes.errorbar(
        x, mean, [[min(std, mean)], [std]], fmt="none", ecolor=INK, elinewidth=1, capsize=3
    )
    for artist in (*bars.lines[1], *bars.lines[2]):
        artist.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


def _label(value: Value | None, baseline: Value | None) -> str:
    if value is None:
        return ""
    change = signed_percent(value.mean, baseline.mean) if baseline and baseline.mean else ""
    return f"{number(value.mean)}\n{change}" if change else number(value.mean)


def _reference(pool: Pool) -> tuple[str, float] | None:
    """The label and the tokens per second of what was measured beside these runs."""
    known = [
        run.reference
        for run in pool.runs
        if run.reference and drawable(run.reference.tokens_per_second)
    ]
    if not known:
        return None
    speed = sum(reference.tokens_per_second for reference in known) / len(known)
    text = f"{printable(known[0].label)} {number(speed)}"
    return _wrapped(text, _PITCH * 72, _REFERENCE), speed


def _top(
    values: Sequence[Value | None],
    labels: Sequence[str],
    references: Sequence[tuple[str, float] | None],
) -> float:
    """The axis' upper limit: the lowest under which every bar has room for its texts."""
    panel = 72 * _HEIGHT
    top = 0.0
    for value, label, reference in zip(values, labels, references, strict=True):
        if value:
            texts = _AIR + _height(label, _LABEL)
            texts += _AIR + _height(reference[0], _REFERENCE) if reference else 0.0
            highest = max(value.mean + (value.std or 0.0), reference[1] if reference else 0.0)
            top = max(top, highest * panel / (panel - texts - _AIR))
    return top or 1.0


def _marks(value: Value, label: str, reference: tuple[str, float] | None, top: float) -> list[Mark]:
    """The texts over one bar: its value, and the reference's where they do not touch."""
    bar = value.mean + (value.std or 0.0)
    own = Mark(label, bar, _AIR, _LABEL)
    if reference is None:
        return [own]
    text, speed = reference
    beside = Mark(text, speed, _AIR, _REFERENCE)
    above = (speed - bar) * 72 * _HEIGHT / top  # points from the bar's top up to the line
    if above > own.height + 2 * _AIR or -above > beside.height + 2 * _AIR:
        return [own, beside]
    upper = max(bar, speed)
    beside = Mark(text, upper, _AIR, _REFERENCE)
    return [beside, Mark(label, upper, beside.height + 2 * _AIR, _LABEL)]


def _height(text: str, size: float) -> float:
    """Points that a text takes."""
    return size * _LINE * len(text.splitlines())


def _wrapped(text: str, width: float, size: float) -> str:
    """The text in lines of at most ``width`` points."""
    characters = int(width / (size * _CHARACTER))
    return "\n".join(textwrap.wrap(text, characters, max_lines=_MOST_LINES, placeholder="…"))
