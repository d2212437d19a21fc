"""The progression: memory, bandwidth and tokens per second, a bar for each stage.

Servers that answer many requests at a time have a panel of their own beside single sequences. One
that answers a single request at a time has a sequence's speed, too: 1 / TPOT.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workshop.figures.bars import FEWEST, REFERENCE, Bar, draw_bars
from workshop.figures.caption import caption_for, warnings_for
from workshop.figures.pooling import Pool, Value, baseline_of, mean_over, pooled, split_servers
from workshop.figures.sheet import HEIGHT, ShownFigure, bar_name, sheet, text_height, wrapped
from workshop.figures.theme import LABEL, PAPER, Theme, fill_of, theme
from workshop.record.results import Result, drawable
from workshop.util.text import number, printable, signed_percent

_PITCH = 0.72  # inches from bar to bar, at a scale of 1
_SERVERS_APART = (
    "tokens/s of servers: all requests together, in a panel of their own; "
    "at concurrency 1 also 1 / TPOT beside the sequences"
)


@dataclass(frozen=True)
class Panel:
    """One quantity.

    Attributes:
        belongs: whether a pool without a value is a gap here; else its place is left empty.
    """

    title: str
    unit: str
    value: Callable[[Pool], Value | None]
    belongs: Callable[[Pool], bool] = lambda pool: True


def sequence_speed(pool: Pool) -> Value | None:
    """The tokens/s that one sequence gets: of servers, where they answer one at a time."""
    if not pool.is_server:
        return pool.tokens_per_second
    tpot = mean_over([run.tpot_seconds for run in pool.runs if run.concurrency == 1])
    return Value(1 / tpot) if tpot else None


def server_speed(pool: Pool) -> Value | None:
    """The tokens/s of all requests together; None of what is no server."""
    return pool.tokens_per_second if pool.is_server else None


MEMORY = Panel("Memory used", "GB", lambda pool: pool.memory_gb)
BANDWIDTH = Panel("Bandwidth achieved", "GB/s", lambda pool: pool.bandwidth_gb_per_second)
SPEED = Panel("Tokens per second", "tokens/s", lambda pool: pool.tokens_per_second)
# Where there are sequences and servers.
OF_A_SEQUENCE = Panel(
    "Tokens per second", "tokens/s", sequence_speed, lambda pool: not pool.is_server
)
OF_A_SERVER = Panel(
    "All requests of a server",
    "tokens/s, all requests",
    server_speed,
    lambda pool: pool.is_server,
)


def progression(results: Sequence[Result], look: Theme = PAPER) -> ShownFigure:
    """The three panels, with bars in the stages' order; a result without a number leaves a gap."""
    pools = pooled(results)
    chosen = panels_for(results)
    beside, _ = split_servers(results)
    pitch, size = _PITCH * look.scale, LABEL * look.scale
    names = [bar_name(pool.label, pitch * 72, size) for pool in pools]
    notes = [
        _SERVERS_APART if OF_A_SERVER in chosen else "",
        "error bars: standard deviation over samples",
        "percentages: change against baseline" if baseline_of(pools) else "no percentages",
    ]
    with theme(look):
        figure, panels = sheet(
            look,
            [panel.title for panel in chosen],
            width=max(len(pools), FEWEST) * pitch,
            below=max((text_height(name, size) for name in names), default=0.0),
            caption=caption_for(pools, notes, beside),
            cautions=warnings_for(results),
        )
        for axes, panel in zip(panels, chosen, strict=True):
            bars = [_bar(panel, pool, look) for pool in pools]
            draw_bars(axes, bars, names, panel.unit, HEIGHT, look)
    return figure


def panels_for(results: Sequence[Result]) -> tuple[Panel, ...]:
    """The panels that these results need."""
    _, servers = split_servers(results)
    if servers:
        return MEMORY, BANDWIDTH, OF_A_SEQUENCE, OF_A_SERVER
    return MEMORY, BANDWIDTH, SPEED


def _bar(panel: Panel, pool: Pool, look: Theme) -> Bar:
    value = panel.value(pool)
    label = _label(value, panel.value(pool.baseline) if pool.baseline else None)
    reference = _reference(pool) if panel in (SPEED, OF_A_SEQUENCE) else None
    fill = fill_of(pool.stage, pool.is_variant, look)
    return Bar(fill, value, label, reference, gap=panel.belongs(pool))


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
