"""A figure by the name of its kind."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from matplotlib.figure import Figure

from workshop.figures import caption, compare, ladder, sweep
from workshop.figures.theme import PAPER, Theme
from workshop.record.results import Result

_WITHOUT_FACTORS = ("samples", "roofline")


def figure_of(
    kind: str, results: Sequence[Result], look: Theme = PAPER, mine: str | None = None
) -> Figure:
    """The figure; ``mine`` is the user whose bars a comparison marks.

    Raises:
        NothingToDrawError: the results lack what this kind is made of.
    """
    if kind == "compare":
        return compare.compare(results, look, mine)
    if kind == "ladder":
        return ladder.predicted_ladder(results, look)
    figure: Figure = getattr(importlib.import_module(f"workshop.figures.{kind}"), kind)(
        results, look
    )
    return figure


def cautions_of(kind: str, results: Sequence[Result]) -> list[str]:
    """What not to conclude from this kind of figure of these results, a sentence each."""
    if kind == "compare":
        return compare.cautions(results)
    if kind == "sweep":
        return sweep.cautions(results)
    return caption.mixed_in(results) if kind in _WITHOUT_FACTORS else caption.warnings_for(results)
