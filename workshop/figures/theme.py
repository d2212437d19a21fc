"""How every figure looks, and how it gets into a file.

Figures are made with matplotlib's objects, never with pyplot: nothing global is left behind, no
window system is asked for, and the import takes half the time.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import style as mpl_style
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from workshop import __version__
from workshop.stages import STAGES, stage_order
from workshop.util import files
from workshop.util.errors import UsageError

BODY = 9.0  # points, at a theme's scale of 1
LABEL = 8.0
SMALL = 7.0
CREATOR = "workshop"


class FigureError(RuntimeError):
    """A figure that could not be written; one sentence that names the file and the cause."""


class NothingToDrawError(ValueError):
    """Results that lack what a kind of figure is made of; one sentence that says what."""


@dataclass(frozen=True)
class Fill:
    """How a bar is filled, and the marker that stands for it where there are points."""

    color: str
    hatch: str
    edge: str = "#ffffff"  # of the hatch
    marker: str = "o"


@dataclass(frozen=True)
class Theme:
    """Where a figure is looked at.

    Attributes:
        dark: whether stages have their colours for a dark ground.
        other: the fill for results that belong to no stage.
        scale: size of the type, and of all that has to hold it; panels keep their height.
        columns: most panels side by side.
    """

    name: str
    ground: str
    ink: str
    faint: str
    grid: str
    dark: bool
    other: Fill
    scale: float
    columns: int


PAPER = Theme(
    name="paper",
    ground="#ffffff",
    ink="#1a1a1a",
    faint="#5c5c5c",
    grid="#d9d9d9",
    dark=False,
    other=Fill("#ffffff", "ooo", "#5c5c5c", "P"),
    scale=1.0,
    columns=3,
)
SLIDE = replace(PAPER, name="slide", faint="#404040", scale=1.6, columns=2)
_NIGHT = "#14171c"
DARK = Theme(
    name="dark",
    ground=_NIGHT,
    ink="#f5f5f5",
    faint="#b8bcc4",
    grid="#343a44",
    dark=True,
    other=Fill(_NIGHT, "ooo", "#b8bcc4", "P"),
    scale=SLIDE.scale,
    columns=SLIDE.columns,
)
THEMES = {theme.name: theme for theme in (PAPER, SLIDE, DARK)}


def _rc(look: Theme) -> Any:
    body = BODY * look.scale
    return {
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
        "font.size": body,
        "text.color": look.ink,
        "text.parse_math": False,  # a model's name may hold a dollar sign
        "figure.facecolor": look.ground,
        "axes.facecolor": look.ground,
        "axes.edgecolor": look.faint,
        "axes.labelcolor": look.ink,
        "axes.labelsize": body,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": body + 2,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "xtick.color": look.ink,
        "ytick.color": look.ink,
        "hatch.linewidth": 0.8 * look.scale,
        "legend.fontsize": LABEL * look.scale,
        "legend.frameon": False,
        "savefig.dpi": 160,
        "savefig.facecolor": "auto",
        "svg.hashsalt": CREATOR,  # the same figure gives the same file
        "pdf.fonttype": 42,  # text stays text
    }


def fills(theme: Theme) -> list[Fill]:
    """The fill of every stage, in order, and last the one for results that belong to no stage.

    The stages' own colours, hatches and markers are in their files (workshop/stages/).
    """
    looks = [stage.look for stage in STAGES.values()]
    return [
        *(
            Fill(look.dark if theme.dark else look.color, look.hatch, theme.ground, look.marker)
            for look in looks
        ),
        theme.other,
    ]


def fill_of(stage: str | None, variant: bool = False, theme: Theme = PAPER) -> Fill:
    """Of a stage's bar; a variant of the stage is paler, with the hatch in its colour."""
    order = stage_order(stage)
    fill = fills(theme)[order]
    if not variant or fill == theme.other:
        return fill
    pale = mixed(fill.color, theme.ground, 0.4)
    edge = theme.faint if order == 0 else fill.color
    return replace(fill, color=pale, hatch=fill.hatch + "--", edge=edge)


def mixed(color: str, other: str, part: float) -> str:
    """A colour with ``part`` of the first, and the rest of the other."""
    pairs = zip(to_rgb(color), to_rgb(other), strict=True)
    return "#" + "".join(f"{round(255 * (part * a + (1 - part) * b)):02x}" for a, b in pairs)


@contextmanager
def theme(look: Theme = PAPER) -> Iterator[None]:
    """Draw with the workshop's look, whatever the user's own matplotlibrc says."""
    with mpl_style.context("default"), mpl.rc_context(_rc(look)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing")
        yield


_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": f"{CREATOR} {__version__}"},
    ".svg": {"Creator": f"{CREATOR} {__version__}", "Date": None},
    ".pdf": {"Creator": f"{CREATOR} {__version__}", "CreationDate": None},
}
_MARKS = {
    ".png": f"Software\0{CREATOR} ",
    ".svg": f"<dc:title>{CREATOR} ",
    ".pdf": f"/Creator ({CREATOR} ",
}


def check_target(path: Path) -> None:
    """Refuse a path that no figure can be written to, before any work is done.

    Raises:
        UsageError: another suffix than the three, no such folder, or a folder in its place.
    """
    if path.suffix.lower() not in _METADATA:
        raise UsageError(f"{path}: a figure's file ends in .png, .svg or .pdf")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent} to write {path.name} in")
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a file")


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure as PNG, SVG or PDF, by its suffix; a reader never sees half a file.

    Raises:
        UsageError: the path is wrong (see ``check_target``).
        FigureError: the folder may not be written to, or the disk is full.
    """
    check_target(path)
    suffix = path.suffix.lower()
    content = io.BytesIO()
    with theme():
        figure.savefig(content, format=suffix[1:], metadata=_METADATA[suffix])
    try:
        files.write(path, content.getvalue())
    except OSError as error:
        raise FigureError(f"cannot write {path}: {error.strerror or error}") from None


def made_here(path: Path) -> bool:
    """Whether a file is one that ``save_figure`` wrote, by the name that it leaves inside."""
    mark = _MARKS.get(path.suffix.lower())
    try:
        return mark is not None and mark.encode() in path.read_bytes()
    except OSError:
        return False
