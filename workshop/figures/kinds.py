"""A figure by the name of its kind."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from workshop.figures import compare, ladder
from workshop.figures.sheet import ShownFigure
from workshop.figures.theme import PAPER, Theme
from workshop.record.results import Result


def figure_of(
    kind: str, results: Sequence[Result], look: Theme = PAPER, mine: str | None = None
) -> ShownFigure:
    """The figure; ``mine`` is the user whose bars a comparison marks.

    Raises:
        NothingToDrawError: the results lack what this kind is made of.
    """
    if kind == "compare":
        return compare.compare(results, look, mine)
    if kind == "ladder":
        return ladder.predicted_ladder(results, look)
    figure: ShownFigure = getattr(importlib.import_module(f"workshop.figures.{kind}"), kind)(
        results, look
    )
    return figure
