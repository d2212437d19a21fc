"""The sheet that a figure is drawn on: panels with room for their type, and the small type below.

Everything is placed in inches and points, so that a figure of two bars and one of eight have the
same type, the same bars and labels that do not touch: only its width differs.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from workshop.figures.theme import SMALL, NothingToDrawError, Theme
from workshop.figures.theme import theme as drawing
from workshop.util.text import printable

# Inches, at a theme's scale of 1.
_LEFT, _RIGHT = 0.82, 0.1  # of each panel: the axis with its numbers, and air
_TOP = 0.4  # the title
_MARGIN = 0.12

HEIGHT = 3.3  # inches of a panel, at every scale
AIR = 3.0  # points between texts, at a scale of 1

_LINE = 1.3  # line height, in type sizes
_CHARACTER = 0.56  # width, in type sizes
_BOLD = 1.1  # how much wider bold type is
_MOST_LINES = 9  # of a name or a sentence
_LARGEST = 100.0  # inches of a figure that anyone can look at


class ShownFigure(Figure):
    """A figure that a notebook shows by itself: its own way is for pyplot's figures alone.

    Attributes:
        cautions: what not to conclude from it, a sentence each.
    """

    cautions: Sequence[str] = ()

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        with drawing():
            self.savefig(content, format="png")
        return content.getvalue()


def sheet(
    theme: Theme,
    titles: Sequence[str],
    width: float,
    below: float,
    caption: Sequence[str],
    cautions: Sequence[str],
    height: float = HEIGHT,
) -> tuple[ShownFigure, list[Axes]]:
    """A figure with a panel for each title, ``width`` inches wide, and the small type under them.

    Call it, and draw on what it gives, inside ``with theme(look)``.

    Args:
        below: points under each panel, for its names.
        caption: what was measured with what, a paragraph each.
        cautions: sentences on what not to conclude.

    Raises:
        NothingToDrawError: it would be larger than anyone can look at.
    """
    scale = theme.scale
    margin, top = _MARGIN * scale, _TOP * scale
    columns = min(theme.columns, len(titles))
    rows = math.ceil(len(titles) / columns)
    full_width = columns * ((_LEFT + _RIGHT) * scale + width) + margin
    size = SMALL * scale
    room = 72 * (full_width - 2 * margin)
    caution = paragraphs([f"Caution: {sentence}." for sentence in cautions], room / _BOLD, size)
    small = paragraphs(caption, room, size)
    caution_height, small_height = text_height(caution, size) / 72, text_height(small, size) / 72
    row = top + height + below / 72 + 0.1 * scale
    full_height = rows * row + small_height + caution_height + 2 * margin

    if max(full_width, full_height) > _LARGEST:
        raise NothingToDrawError("there are too many different results for one figure")

    figure = ShownFigure(figsize=(full_width, full_height))
    figure.cautions = tuple(cautions)
    FigureCanvasAgg(figure)
    panels = []
    for place, title in enumerate(titles):
        left = (place % columns) * ((_LEFT + _RIGHT) * scale + width) + _LEFT * scale
        bottom = full_height - (place // columns) * row - top - height
        box = (left / full_width, bottom / full_height, width / full_width, height / full_height)
        axes = figure.add_axes(box)
        axes.set_title(title, pad=8 * scale)
        panels.append(axes)
    places = (
        (small, margin + caution_height, theme.faint, "normal"),
        (caution, margin, theme.ink, "bold"),
    )
    for text, y, color, weight in places:
        figure.text(
            margin / full_width,
            y / full_height,
            text,
            size=size,
            color=color,
            weight=weight,
            va="bottom",
        )
    return figure, panels


def paragraphs(texts: Sequence[str], width: float, size: float) -> str:
    """Each text in lines of at most ``width`` points, which a line of capitals may need more of."""
    return "\n".join(wrapped(text, 0.95 * width * _narrower(text), size) for text in texts)


def text_height(text: str, size: float) -> float:
    """Points that a text takes."""
    return size * _LINE * len(text.splitlines())


def text_width(text: str, size: float) -> float:
    """Points that a text's longest line takes, or a little less."""
    return size * _CHARACTER * max((len(line) for line in text.splitlines()), default=0)


def wrapped(text: str, width: float, size: float) -> str:
    """The text in lines of at most ``width`` points."""
    characters = max(int(width / (size * _CHARACTER)), 1)
    return "\n".join(textwrap.wrap(text, characters, max_lines=_MOST_LINES, placeholder="…"))


def bar_name(text: str, width: float, size: float) -> str:
    """A bar's name in lines of at most ``width`` points."""
    text = printable(text)
    long = [word for word in text.split() if len(word) > 5]
    return wrapped(text, width * min(map(_narrower, long), default=1.0), size)


def _narrower(text: str) -> float:
    """The part of a line that is left to a text whose capitals and digits are wider than most."""
    wide = sum(char.isupper() or char.isdigit() for char in text) / max(len(text), 1)
    return 1 - 0.4 * wide
