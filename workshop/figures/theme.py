"""How every figure looks, and how it gets into a file.

Figures are made with matplotlib's objects, never with pyplot: nothing global is left behind, no
window system is asked for, and the import takes half the time.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import style as mpl_style
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from workshop import __version__, files
from workshop.stages import UsageError, stage_order

INK = "#1a1a1a"
FAINT = "#5c5c5c"
GRID = "#d9d9d9"
BODY = 9.0  # points
SMALL = 7.0
CREATOR = "workshop"

_RC: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": BODY,
    "text.color": INK,
    "text.parse_math": False,  # a model's name may hold a dollar sign
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.labelsize": BODY,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": BODY + 2,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": INK,
    "ytick.color": INK,
    "hatch.linewidth": 0.8,
    "savefig.dpi": 160,
    "svg.hashsalt": CREATOR,  # the same figure gives the same file
    "pdf.fonttype": 42,  # text stays text
}


class FigureError(RuntimeError):
    """A figure that could not be written; one sentence that names the file and the cause."""


@dataclass(frozen=True)
class Look:
    """How a bar is filled."""

    color: str
    hatch: str
    edge: str = "#ffffff"  # of the hatch


# Okabe and Ito's colours where they can be: told apart with every kind of colour vision. Their
# lightness falls from 83 to 25 (CIE L*), in steps that a grey print keeps, and so do the hatches.
_LOOKS = (
    Look("#d0d0d0", ""),
    Look("#e69f00", "///"),
    Look("#009e73", "\\\\\\"),
    Look("#0072b2", "..."),
    Look("#4b2e68", "xxx"),
)
_OTHER = Look("#ffffff", "ooo", FAINT)


def look_of(stage: str | None, variant: bool = False) -> Look:
    """The look of a stage's bar; a variant of the stage is paler, with the hatch in its colour."""
    order = stage_order(stage)
    look = _LOOKS[order] if order < len(_LOOKS) else _OTHER
    if not variant or look is _OTHER:
        return look
    pale = (round(255 * (0.6 + 0.4 * part)) for part in to_rgb(look.color))
    edge = FAINT if look is _LOOKS[0] else look.color
    return Look("#" + "".join(f"{part:02x}" for part in pale), look.hatch + "--", edge)


def number(value: float) -> str:
    """Three significant digits, as people read them: 0.0193, 3.40, 241, 12300, 1.23e+09."""
    rounded = float(f"{value:.2e}")
    if rounded == 0:
        return "0"
    if not 1e-4 <= abs(rounded) < 1e6:
        return f"{rounded:.2e}"
    return f"{rounded:.0f}" if abs(rounded) >= 100 else f"{rounded:#.3g}"


def signed_percent(value: float, against: float) -> str:
    """The change in percent, with its sign: '+148.9 %'."""
    change = 100 * (value / against - 1)
    if abs(change) >= 1e6:
        return f"{change:+.2e} %"
    digits = 1 if abs(change) < 999.95 else 0
    rounded = round(change, digits) + 0.0  # no negative zero
    return f"{rounded:+.{digits}f} %".replace("-", "\N{MINUS SIGN}")


def printable(text: str) -> str:
    """Text of unknown origin as one line of characters that have a picture."""
    return "".join(char if char.isprintable() else " " for char in text)


@contextmanager
def theme() -> Iterator[None]:
    """Draw with the workshop's look, whatever the user's own matplotlibrc says."""
    with mpl_style.context("default"), mpl.rc_context(_RC), warnings.catch_warnings():
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
    """Write the figure as PNG, SVG or PDF, told by the suffix; a reader never sees half a file.

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
