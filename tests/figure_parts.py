"""What stands in a figure, read back from matplotlib's artists."""

from __future__ import annotations

import itertools

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation, Text


def panel(figure: Figure, title: str | None = None) -> Axes:
    """The panel of that title, or the only one."""
    if title is None:
        (axes,) = figure.axes
        return axes
    return next(axes for axes in figure.axes if axes.get_title("left") == title)


def names(axes: Axes) -> list[str]:
    """The names on the x axis, from left to right, on one line each."""
    return [" ".join(label.get_text().split("\n")) for label in axes.get_xticklabels()]


def notes(axes: Axes) -> dict[int, list[str]]:
    """The texts in the panel, by the number of the name that they stand over."""
    found: dict[int, list[str]] = {}
    for text in axes.texts:
        x, _ = text.xy if isinstance(text, Annotation) else text.get_position()
        found.setdefault(round(x), []).append(text.get_text())
    return found


def rectangles(axes: Axes) -> list[tuple[float, float, float]]:
    """Middle, lower end and upper end of each bar."""
    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    return [
        (bar.get_x() + bar.get_width() / 2, bar.get_y(), bar.get_y() + bar.get_height())
        for bar in bars
    ]


def small_type(figure: Figure) -> str:
    """The caption and the cautions, on one line."""
    return " ".join(" ".join(text.get_text().split("\n")) for text in figure.texts)


def every_text(figure: Figure) -> list[Text]:
    """All texts with something in them."""
    found = list(figure.texts)
    for axes in figure.axes:
        found += [*axes.texts, *tick_labels(axes), axes.xaxis.label, axes.yaxis.label]
        legend = axes.get_legend()
        found += legend.get_texts() if legend else []
    return [text for text in found if text.get_text().strip() and text.get_visible()]


def tick_labels(axes: Axes) -> list[Text]:
    """The labels of the ticks that are seen: matplotlib keeps some beyond the axis' ends."""
    return [
        tick.label1
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        if min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    ]


def touching(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts in a panel, or under it, that lie over one another."""
    figure.draw_without_rendering()  # which puts everything where it will be
    found = []
    for axes in figure.axes:
        legend = axes.get_legend()
        own = [*axes.texts, *tick_labels(axes), *(legend.get_texts() if legend else [])]
        own = [text for text in own if text.get_text().strip()]
        own += [text for text in figure.texts if text.get_text()]
        boxes = [(text.get_text(), text.get_window_extent()) for text in own]
        found += [
            (one, other)
            for (one, box), (other, another) in itertools.combinations(boxes, 2)
            if box.overlaps(another)
        ]
    return found


def outside(figure: Figure) -> list[str]:
    """Texts that leave the sheet."""
    figure.draw_without_rendering()
    edge = 1.0  # pixel
    found = []
    for text in every_text(figure):
        box = text.get_window_extent()
        fits = box.x0 >= -edge and box.y0 >= -edge
        if not (fits and box.x1 <= figure.bbox.x1 + edge and box.y1 <= figure.bbox.y1 + edge):
            found.append(text.get_text())
    return found
