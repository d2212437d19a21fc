"""The figures of a report, each drawn for light and for dark, with its numbers in words."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from matplotlib.figure import Figure

from workshop.analysis.predicted import Predicted, predicted_of
from workshop.figures.bars import factor_lines
from workshop.figures.ladder import predicted_ladder
from workshop.figures.latency import PANELS as TIMES
from workshop.figures.latency import latency
from workshop.figures.pooling import Pool, Value, pooled
from workshop.figures.progression import panels_for, progression
from workshop.figures.theme import DARK, PAPER, NothingToDrawError, Theme, theme
from workshop.record.results import Result
from workshop.report.svg import inline
from workshop.report.text import shown
from workshop.report.view import Drawing
from workshop.util.text import number

Alternative = Callable[[Sequence[Pool]], str]
_LIGHT = replace(PAPER, scale=1.3, columns=2)  # read at their own size on a wide screen
_DARK = replace(DARK, scale=1.3, columns=2)


@dataclass(frozen=True)
class Kind:
    """A kind of figure: how it is drawn, and how its numbers are told."""

    title: str
    draw: Callable[[Sequence[Result], Theme], Figure]
    alternative: Alternative


def quantities(pools: Sequence[Pool]) -> str:
    panels = panels_for([run for pool in pools for run in pool.runs])
    return " ".join(
        f"{panel.title}, {panel.unit}: {_listed(pools, panel.value)}." for panel in panels
    )


def steps(pools: Sequence[Pool]) -> str:
    """Each stage's speed, and how many times that of those that it is held against."""
    return f"Tokens per second: {'; '.join(_step(pool) for pool in pools)}."


def times(pools: Sequence[Pool]) -> str:
    return " ".join(f"{panel.title}, ms: {_listed(pools, panel.value)}." for panel in TIMES)


KINDS = (
    Kind("Memory, bandwidth and tokens per second", progression, quantities),
    Kind("Where the speed-up comes from", predicted_ladder, steps),
    Kind("Time to the first token, and for each later one", latency, times),
)


def drawings(results: Sequence[Result]) -> list[Drawing]:
    """The figures of these results; none if there is no number in them."""
    if not any(result.has_number for result in results):
        return []
    return [_drawing(place, kind, results) for place, kind in enumerate(KINDS, 1)]


def _drawing(place: int, kind: Kind, results: Sequence[Result]) -> Drawing:
    try:
        light, dark = (svg(kind.draw(results, look)) for look in (_LIGHT, _DARK))
    except NothingToDrawError as error:
        return Drawing(kind.title, "", problem=shown(str(error)))
    return Drawing(
        title=kind.title,
        alternative=shown(kind.alternative(pooled(results))),
        light=inline(light, f"light{place}-"),
        dark=inline(dark, f"dark{place}-"),
    )


def svg(figure: Figure) -> str:
    """The figure as SVG, the same for the same figure."""
    content = io.BytesIO()
    with theme():
        figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue().decode()


def _listed(pools: Sequence[Pool], value: Callable[[Pool], Value | None]) -> str:
    return ", ".join(f"{pool.label} {_told(value(pool))}" for pool in pools)


def _step(pool: Pool) -> str:
    times = factor_lines(pool.factors(lambda one: one.tokens_per_second))
    told = f"{pool.label} {_told(pool.tokens_per_second)}"
    if pool.tokens_per_second and isinstance(found := predicted_of(pool.runs), Predicted):
        told += f" (expected {number(found.expected)}, ideal {number(found.ideal)})"
    return f"{told}, {' and '.join(times)}" if times else told


def _told(value: Value | None) -> str:
    if value is None:
        return "no result"
    return number(value.mean) + (f" ± {number(value.std)}" if value.std is not None else "")
