"""Latency: time to the first token, and time for each token after it, a bar for each stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from workshop.figures.bars import FEWEST, Bar, draw_bars, factor_lines
from workshop.figures.caption import caption_for, warnings_for
from workshop.figures.pooling import Pool, Quantity, Value, mean_over, pooled, value_over
from workshop.figures.sheet import HEIGHT, ShownFigure, bar_name, sheet, text_height, text_width
from workshop.figures.theme import LABEL, PAPER, NothingToDrawError, Theme, fill_of, theme
from workshop.record.results import Result
from workshop.util.text import number

_PITCH = 0.95  # inches from bar to bar, at a scale of 1
_MS = 1e3


def ttft(pool: Pool) -> Value | None:
    """Milliseconds to the first token."""
    mean = mean_over([run.ttft_seconds for run in pool.runs])
    return _milliseconds(value_over(pool.runs, lambda sample: sample.ttft_seconds, mean))


def tpot(pool: Pool) -> Value | None:
    """Milliseconds for each token after the first."""
    mean = mean_over([run.tpot_seconds for run in pool.runs])
    return _milliseconds(value_over(pool.runs, lambda sample: sample.tpot_seconds, mean))


@dataclass(frozen=True)
class Panel:
    """One of the two times."""

    title: str
    unit: str
    value: Quantity


PANELS = (
    Panel("Time to first token (TTFT)", "ms", ttft),
    Panel("Time per later token (TPOT)", "ms a token", tpot),
)


def latency(results: Sequence[Result], look: Theme = PAPER) -> ShownFigure:
    """The two panels, with bars in the stages' order; a result without a time leaves a gap.

    Raises:
        NothingToDrawError: no result has either time.
    """
    pools = pooled(results)
    if not any(panel.value(pool) for panel in PANELS for pool in pools):
        raise NothingToDrawError("none of these results has a TTFT or a TPOT")
    size = LABEL * look.scale
    columns = [[_bar(panel, pool, look) for pool in pools] for panel in PANELS]
    longest = max(text_width(bar.label, size) for bars in columns for bar in bars)
    pitch = max(_PITCH * look.scale, longest / 72 + 0.06)
    names = [bar_name(pool.label, pitch * 72, size) for pool in pools]
    notes = [
        "TTFT: prefill of the prompt, to the first new token",
        "TPOT: decode seconds over the tokens after the first",
        "less is better; factors: how many times as fast",
        "error bars: standard deviation over samples",
    ]
    stacked = replace(look, columns=1 if len(pools) > FEWEST and look.scale > 1 else look.columns)
    height = HEIGHT if stacked.columns > 1 else 0.75 * HEIGHT
    with theme(look):
        figure, panels = sheet(
            stacked,
            [panel.title for panel in PANELS],
            width=max(len(pools), FEWEST) * pitch,
            below=max(text_height(name, size) for name in names),
            caption=caption_for(pools, notes),
            cautions=warnings_for(results),
            height=height,
        )
        for axes, panel, bars in zip(panels, PANELS, columns, strict=True):
            draw_bars(axes, bars, names, panel.unit, height, look)
    return figure


def _bar(panel: Panel, pool: Pool, look: Theme) -> Bar:
    value = panel.value(pool)
    lines = factor_lines(pool.factors(panel.value, smaller_is_faster=True))
    label = "\n".join([number(value.mean), *lines]) if value else ""
    return Bar(fill_of(pool.stage, pool.is_variant, look), value, label)


def _milliseconds(value: Value | None) -> Value | None:
    if value is None:
        return None
    return Value(value.mean * _MS, None if value.std is None else value.std * _MS)
