"""The progression: memory, bandwidth and tokens per second, a bar for each stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from workshop.figures.bars import FEWEST, REFERENCE, Bar, draw_bars
from workshop.figures.caption import caption_for, counted_as, warnings_for
from workshop.figures.pooling import Pool, Value, baseline_of, drawable, pooled, relative_of
from workshop.figures.sheet import HEIGHT, bar_name, sheet, text_height, wrapped
from workshop.figures.theme import (
    LABEL,
    PAPER,
    Theme,
    fill_of,
    number,
    printable,
    signed_percent,
    theme,
)
from workshop.record.results import Result
from workshop.stages import BASELINE

_PITCH = 0.72  # inches from bar to bar, at a scale of 1


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


def progression(results: Sequence[Result], look: Theme = PAPER) -> Figure:
    """The three panels, with bars in the stages' order; a result without a number leaves a gap."""
    pools = pooled(results)
    pitch, size = _PITCH * look.scale, LABEL * look.scale
    names = [bar_name(pool.label, pitch * 72, size) for pool in pools]
    notes = [
        counted_as(results),
        "error bars: standard deviation over samples",
        "percentages: change against baseline" if baseline_of(pools) else "no percentages",
    ]
    with theme(look):
        figure, panels = sheet(
            look,
            [panel.title for panel in PANELS],
            width=max(len(pools), FEWEST) * pitch,
            below=max((text_height(name, size) for name in names), default=0.0),
            caption=caption_for(pools, notes),
            cautions=warnings_for(results),
        )
        for axes, panel in zip(panels, PANELS, strict=True):
            bars = [_bar(panel, pool, pools, look) for pool in pools]
            draw_bars(axes, bars, names, panel.unit, HEIGHT, look)
    return figure


def _bar(panel: Panel, pool: Pool, pools: Sequence[Pool], look: Theme) -> Bar:
    value = panel.value(pool)
    baseline = relative_of(pools, pool, BASELINE)
    label = _label(value, panel.value(baseline) if baseline else None)
    reference = _reference(pool) if panel.name == "tokens_per_second" else None
    return Bar(fill_of(pool.stage, pool.is_variant, look), value, label, reference)


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
    return wrapped(text, _PITCH * 72, REFERENCE), speed
