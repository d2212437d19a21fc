"""Figures of predictions: where the time goes, and how it grows."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from workshop.cli.predict.show import SAID
from workshop.figures.sheet import sheet
from workshop.figures.theme import LABEL, PAPER, Theme, theme
from workshop.roofline.inference import Prediction
from workshop.roofline.sweep import Point
from workshop.util.text import number

# Okabe and Ito's colours, told apart with every kind of colour vision, and hatches for grey prints.
PARTS = {
    "attention": ("#0072b2", ""),
    "mlp": ("#56b4e9", "///"),
    "kv_read": ("#009e73", ""),
    "norms": ("#f0e442", "..."),
    "output_head": ("#cc79a7", ""),
    "embedding": ("#7f7f7f", ""),
    "all_reduce": ("#d55e00", "\\\\\\"),
    "launch_overhead": ("#e69f00", "xxx"),
    "draft": ("#4b2e68", "---"),
}
MS = 1e3
NOTE = "ideal: every efficiency is 1; expected: the fitted constants of docs/predict.md"


def breakdown(words: str, ideal: Prediction, expected: Prediction, look: Theme = PAPER) -> Figure:
    """Seconds of each component: of prefill, and of a token."""
    panels = {
        "TTFT, ms": (ideal.prefill_breakdown_seconds, expected.prefill_breakdown_seconds),
        "TPOT, ms": (ideal.breakdown_seconds, expected.breakdown_seconds),
    }
    names = [name for name in PARTS if any(name in one for both in panels.values() for one in both)]
    with theme(look):
        size = LABEL * look.scale
        figure, axes = sheet(
            look,
            list(panels),
            width=3.4 * look.scale,
            below=size * (1.75 * len(names) + 4),
            caption=[words, NOTE],
            cautions=[],
        )
        for panel, both in zip(axes, panels.values(), strict=True):
            _stack(panel, both, names)
        axes[0].legend(loc="upper left", bbox_to_anchor=(0, -0.1), borderaxespad=0, reverse=True)
    return figure


def _stack(axes: Axes, both: Sequence[dict[str, float]], names: Sequence[str]) -> None:
    bottoms = [0.0, 0.0]
    for name in names:
        color, hatch = PARTS[name]
        heights = [one.get(name, 0.0) * MS for one in both]
        axes.bar(
            ["ideal", "expected"],
            heights,
            bottom=bottoms,
            width=0.55,
            color=color,
            hatch=hatch,
            edgecolor="white",
            linewidth=0.5,
            label=SAID[name],
        )
        bottoms = [low + high for low, high in zip(bottoms, heights, strict=True)]
    for place, total in enumerate(bottoms):
        axes.text(place, total, number(total), ha="center", va="bottom", fontweight="bold")
    axes.margins(y=0.12)


def curves(words: str, over: str, points: Sequence[Point], look: Theme = PAPER) -> Figure:
    """TTFT and TPOT against what is swept over; hollow where the batch does not fit."""
    titles = {"TTFT, ms": "ttft_seconds", "TPOT, ms": "tpot_seconds"}
    said = {
        "batch": "sequences side by side",
        "prompt": "tokens of the prompt",
        "context": "tokens in the cache when decode begins",
        "tp": "ranks that share each layer",
    }[over]
    fixed = "its own value of what is swept over does not count"
    with theme(look):
        figure, axes = sheet(
            look,
            list(titles),
            width=3.6 * look.scale,
            below=LABEL * look.scale * 4.5,
            caption=[f"{words} ({fixed})", f"{NOTE}; hollow: more than the memory holds"],
            cautions=[],
        )
        for panel, field in zip(axes, titles.values(), strict=True):
            for reading, color, style in (
                ("ideal", "#009e73", "--"),
                ("expected", "#0072b2", "-"),
            ):
                _curve(panel, points, reading, field, color, style)
            panel.set_xlabel(said)
            _axes(panel, [one.value for one in points])
        axes[0].legend(loc="best")
    return figure


def _curve(
    axes: Axes, points: Sequence[Point], reading: str, field: str, color: str, style: str
) -> None:
    found = [(one.value, getattr(one, reading)) for one in points]
    x = [value for value, _ in found]
    y = [getattr(one, field) * MS for _, one in found]
    axes.plot(x, y, style, color=color, label=reading)
    for value, height, (_, one) in zip(x, y, found, strict=True):
        axes.plot(
            [value], [height], "o", color=color, markerfacecolor=color if one.fits else "none"
        )


def _axes(axes: Axes, values: Sequence[int]) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", linewidth=0.5, alpha=0.5)
    if max(values) >= 8 * min(values):
        axes.set_xscale("log", base=2)
        shown = values if len(values) <= 9 else values[:: len(values) // 8 + 1]
        axes.set_xticks(list(shown), [str(value) for value in shown])
        axes.xaxis.set_minor_formatter(NullFormatter())
