"""The comparison: the same stages from several machines, models or people, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from workshop.figures.bars import FEWEST, error_bar, factor_lines, note, set_slots
from workshop.figures.caption import caption_for, mixed_in
from workshop.figures.groups import grouped
from workshop.figures.pooling import Value, pooled
from workshop.figures.sheet import (
    AIR,
    HEIGHT,
    ShownFigure,
    bar_name,
    sheet,
    text_height,
    text_width,
)
from workshop.figures.sides import Side, medians, sides_of, stages_of
from workshop.figures.theme import (
    LABEL,
    PAPER,
    Fill,
    NothingToDrawError,
    Theme,
    fills,
    theme,
)
from workshop.record.results import Result, drawable
from workshop.util.text import number, printable

_PITCH = 1.02  # inches from stage to stage, at the least
_BAR = 0.19  # inches of a bar whose value stands over it
_FILLED = 0.86  # of a stage's place
_DIGIT = 0.66  # width of a digit, in type sizes
_FIELD_OF_CAUTION = {
    "models": "model",
    "devices": "device",
    "lengths of the prompt in tokens": "prompt tokens",
    "batch sizes": "batch size",
}


def compare(results: Sequence[Result], look: Theme = PAPER, mine: str | None = None) -> ShownFigure:
    """A bar for each stage and group, and the median over the groups; ``mine`` is a user's name.

    Raises:
        NothingToDrawError: no result has tokens/s, or nothing tells them apart.
    """
    drawn = [result for result in results if drawable(result.tokens_per_second)]
    if not drawn:
        raise NothingToDrawError("none of these results has tokens/s")
    fields, groups = grouped(drawn)
    if len(groups) < 2:
        raise NothingToDrawError(
            "there is nothing to compare: no stage is here twice from different devices, models, "
            "users, hosts or versions"
        )
    sides = sides_of(fields, groups, mine, look)
    many = len(sides) > len(fills(look))
    stages = stages_of(sides)
    size = LABEL * look.scale
    alike = len({result.meaning for result in drawn}) == 1
    texts = [_text_of(stage, sides, alike) for stage in stages]
    longest = max(text_width(text, size) for text in texts) / 72 + 0.06
    room = 0.0 if many else len(sides) * _BAR * look.scale / _FILLED
    pitch = max(_PITCH * look.scale, longest, room)
    width = max(len(stages), FEWEST) * pitch
    names = [bar_name(stage, pitch * 72, size) for stage in stages]
    names_height = max(text_height(name, size) for name in names)
    legend = _legend(sides, look)
    columns = _columns(legend, 72 * width, size)
    legend_height = size * 1.75 * -(-len(legend) // columns) + size
    without = {r.label for r in results if not drawable(r.tokens_per_second)}
    missing = sorted(without - set(stages))
    notes = [
        f"{len(sides)} groups, told apart by {', '.join(fields)}",
        "line: median over groups" if alike else "no median",
        "factors: median over groups of each against its own baseline and the stage it builds on",
        "no error bars" if many else "error bars: standard deviation over samples",
        f"no tokens/s of: {printable(', '.join(missing))}" if missing else "",
        "dash: no result" if any(len(side.pools) < len(stages) for side in sides) else "",
        "star: mine" if any(side.mine for side in sides) else "",
    ]
    with theme(look):
        figure, (axes,) = sheet(
            look,
            ["Tokens per second, side by side"],
            width=width,
            below=names_height + legend_height,
            caption=caption_for(pooled(drawn), notes, drawn),
            cautions=cautions(drawn),
        )
        _draw(axes, sides, stages, texts, alike, many, look)
        set_slots(axes, names, look)
        axes.legend(
            handles=legend,
            loc="upper left",
            bbox_to_anchor=(0, -(names_height + size) / (72 * HEIGHT)),
            borderaxespad=0,
            borderpad=0,
            ncols=columns,
        )
    return figure


def cautions(results: Sequence[Result]) -> list[str]:
    """What differs between these results beside what tells the groups apart, a sentence each."""
    drawn = [result for result in results if drawable(result.tokens_per_second)]
    fields, _ = grouped(drawn)
    meant = [name for name, field in _FIELD_OF_CAUTION.items() if field in fields]
    return mixed_in(drawn, but=meant)


def _text_of(stage: str, sides: Sequence[Side], alike: bool) -> str:
    median, ratios = medians(stage, sides)
    lines = [f"median {number(median)}"] if alike else []
    return "\n".join([*lines, *factor_lines(ratios)])


def _legend(sides: Sequence[Side], look: Theme) -> list[Patch]:
    handles = []
    for side in sides:
        if side.name is not None:
            label = f"{side.name} \N{BLACK STAR}" if side.mine else side.name
            handles.append(_patch(side.look, label, look))
    unnamed = [side for side in sides if side.name is None]
    if unnamed:
        others = " others" if handles else " groups"
        handles.append(_patch(unnamed[0].look, f"{len(unnamed)}{others}", look))
    return handles


def _patch(fill: Fill, label: str, look: Theme) -> Patch:
    return Patch(
        facecolor=fill.color,
        hatch=fill.hatch,
        edgecolor=fill.edge if fill.color != look.ground else look.faint,
        lw=0,
        label=label,
    )


def _columns(handles: Sequence[Patch], width: float, size: float) -> int:
    longest = max(text_width(str(handle.get_label()), size) for handle in handles) + 5 * size
    return max(1, min(len(handles), int(width // longest)))


def _dash(axes: Axes, x: float, look: Theme) -> None:
    """The place of a group that has no result of a stage."""
    axes.text(
        x,
        0.01,
        "\N{EN DASH}",
        transform=axes.get_xaxis_transform(),
        ha="center",
        va="bottom",
        size=LABEL * look.scale,
        color=look.faint,
    )


def _bars(stage: str, sides: Sequence[Side], many: bool) -> list[tuple[Side, Value | None]]:
    """The stage's bars in the groups' order; of many, from the slowest to the fastest."""
    pools = [(side, side.pools.get(stage)) for side in sides]
    bars = [(side, pool.tokens_per_second if pool else None) for side, pool in pools]
    return sorted(bars, key=lambda bar: bar[1].mean if bar[1] else -1.0) if many else bars


def _draw(
    axes: Axes,
    sides: Sequence[Side],
    stages: Sequence[str],
    texts: Sequence[str],
    with_median: bool,
    many: bool,
    look: Theme,
) -> None:
    size, air = LABEL * look.scale, AIR * look.scale
    highest, values = _draw_bars(axes, sides, stages, many, look)
    # The values stand upright over their bars, and the median's text over the tallest of them.
    upright = max((_DIGIT * len(text) * size for _, _, text in values), default=0.0) + air
    over = max(text_height(text, size) for text in texts) + 2 * air
    panel = 72 * HEIGHT
    top = max(highest.values()) * panel / (panel - upright - over) or 1.0
    for x, end, text in values:
        _write_upright(axes, x, end, text, look)
    for slot, (stage, text) in enumerate(zip(stages, texts, strict=True)):
        note(axes, text, (slot, highest[stage]), upright + air, size, look)
        if with_median:
            _draw_median(axes, slot, medians(stage, sides)[0], look)
    axes.set(ylim=(0, top), ylabel="tokens/s")
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    axes.yaxis.grid(True, color=look.grid, lw=0.6)


def _draw_bars(
    axes: Axes, sides: Sequence[Side], stages: Sequence[str], many: bool, look: Theme
) -> tuple[dict[str, float], list[tuple[float, float, str]]]:
    """The bars; returns the highest end of each stage, and the values to write: x, end, text."""
    step = _FILLED / len(sides)
    highest = dict.fromkeys(stages, 0.0)
    values = []
    for slot, stage in enumerate(stages):
        for place, (side, value) in enumerate(_bars(stage, sides, many)):
            x = slot - _FILLED / 2 + (place + 0.5) * step
            if value is None:
                if not many:
                    _dash(axes, x, look)
                continue
            fill, width = side.look, step * (1.0 if many else 0.9)
            axes.bar(
                x, value.mean, width, color=fill.color, hatch=fill.hatch, edgecolor=fill.edge, lw=0
            )
            if value.std is not None and not many:
                error_bar(axes, x, value, look, cap=1.5)
            end = value.mean + (0.0 if many else value.std or 0.0)
            highest[stage] = max(highest[stage], end)
            if not many or side.mine:
                star = " \N{BLACK STAR}" if side.mine else ""
                values.append((x, end, f"{number(value.mean)}{star}"))
    return highest, values


def _write_upright(axes: Axes, x: float, end: float, text: str, look: Theme) -> None:
    """A value over the end of its bar."""
    axes.annotate(
        text,
        (x, end),
        (0, AIR * look.scale),
        textcoords="offset points",
        rotation=90,
        ha="center",
        va="bottom",
        size=LABEL * look.scale,
        bbox={"facecolor": look.ground, "edgecolor": "none", "alpha": 0.85, "pad": 0.4},
        zorder=5,
    )


def _draw_median(axes: Axes, slot: int, median: float, look: Theme) -> None:
    """A dashed line across the bars of a stage."""
    ends = [slot - _FILLED / 2, slot + _FILLED / 2]
    line: dict[str, Any] = {"color": look.ink, "lw": 1.3 * look.scale, "ls": (0, (4, 2))}
    axes.plot(ends, [median] * 2, **line, zorder=4)
