"""The ladder: where the speed-up came from, each stage as a step from the one that it builds on.

Two stages build on quantize, so the steps are no single line: each hangs at the height of its own
predecessor, and a thin line leads there. The axis is logarithmic: a step's height is its factor.
Where a prediction can be had, each step stands beside what should have come.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from workshop.analysis.predicted import Predicted, predicted_of
from workshop.figures.bars import FEWEST, error_bar, gap, note, set_slots
from workshop.figures.caption import caption_for, counted_as, warnings_for
from workshop.figures.factors import factors
from workshop.figures.pooling import Pool, Value, builds_on, mean_over, pooled, relative_of
from workshop.figures.servers import in_own_panel
from workshop.figures.sheet import AIR, ShownFigure, bar_name, sheet, text_height, text_width
from workshop.figures.stacking import Note, stacked
from workshop.figures.theme import (
    LABEL,
    PAPER,
    Fill,
    NothingToDrawError,
    Theme,
    fill_of,
    number,
    printable,
    theme,
    times,
)
from workshop.record.results import Result, drawable

_HEIGHT = 4.6  # inches
_PITCH = 0.95
_LEAST = 1e-9  # tokens/s that a logarithm is taken of
_HALF = 0.34  # of a step's width, in pitches
_STAR = "\N{WHITE STAR}"  # in a text, the mark of what was expected


@dataclass(frozen=True)
class Step:
    """One stage's place on the ladder, in tokens/s.

    Attributes:
        start: the speed of the stage that it builds on.
        start_x: where that stage stands.
        roof: the ideal where it is predicted, else the ceiling by the weights alone.
        predicted: the expected tokens/s.
    """

    look: Fill
    speed: Value | None
    start: float | None
    start_x: int | None
    roof: float | None
    is_ideal: bool
    predicted: float | None
    told: str

    @property
    def falls(self) -> bool:
        return self.speed is not None and self.start is not None and self.speed.mean < self.start


def predictions(results: Sequence[Result]) -> dict[str, Predicted | str]:
    """What each bar's runs should have done, by its name; or why that cannot be said."""
    return {
        pool.label: predicted_of([run for run in pool.runs if drawable(run.tokens_per_second)])
        for pool in pooled(results)
        if _speed(pool)
    }


def predicted_ladder(results: Sequence[Result], look: Theme = PAPER) -> ShownFigure:
    """The ladder beside what the runs' machines should have done; raises what ``ladder`` does."""
    return ladder(results, look, predictions(results))


def ladder(
    results: Sequence[Result],
    look: Theme = PAPER,
    predicted: Mapping[str, float | Predicted | str] | None = None,
) -> ShownFigure:
    """The steps in the stages' order.

    ``predicted`` holds, by a bar's name, what should have come: both readings, or tokens/s alone,
    or a sentence on why nothing can be said.

    Raises:
        NothingToDrawError: no result has tokens/s.
    """
    servers = [run for run in results if in_own_panel(run, results)]
    results = [run for run in results if run not in servers]
    pools = pooled(results)
    steps = [_step(pool, pools, look, predicted or {}) for pool in pools]
    if not any(step.speed for step in steps):
        raise NothingToDrawError("none of these results has tokens/s")
    size = LABEL * look.scale
    longest = max(text_width(step.told, size) for step in steps) / 72 + 0.06
    pitch = max(_PITCH * look.scale, longest)
    names = [_name(pool, pitch * 72, size) for pool in pools]
    with theme(look):
        figure, (axes,) = sheet(
            look,
            ["Where the speed-up comes from"],
            width=max(len(pools), FEWEST) * pitch,
            below=max(text_height(name, size) for name in names),
            caption=[
                *caption_for(pools, [*_notes(results, steps), *_left_out(servers)]),
                *_gaps(predicted or {}),
            ],
            cautions=warnings_for(results),
            height=_HEIGHT,
        )
        _draw(axes, steps, names, look)
    return figure


def _left_out(servers: Sequence[Result]) -> list[str]:
    names = ", ".join(dict.fromkeys(printable(run.format) for run in servers))
    return [f"left out, since they count all requests of a server: {names}"] if names else []


def ceiling_of(run: Result) -> float | None:
    """tokens/s if reading the weights at the device's bandwidth were all that takes time.

    The bytes read for a token are those of the record. With speculation they are a pass' bytes over
    the tokens that it gave: the ceiling holds at that acceptance. Each of several ranks reads its
    share with a bandwidth like the one that the first measured.
    """
    speed, read = run.tokens_per_second, run.bandwidth_gb_per_second
    device = run.device_bandwidth_gb_per_second
    if not (drawable(speed) and drawable(read) and drawable(device) and speed and read and device):
        return None
    ceiling = device * (run.world_size or 1) / (read / speed)
    return ceiling if drawable(ceiling) and ceiling > _LEAST else None


def _step(
    pool: Pool,
    pools: Sequence[Pool],
    look: Theme,
    predicted: Mapping[str, float | Predicted | str],
) -> Step:
    speed = _speed(pool)
    before = relative_of(pools, pool, builds_on(pool))
    start = _speed(before) if before else None
    found = predicted.get(pool.label)
    ideal, guess = None, None
    if isinstance(found, Predicted):
        ideal, guess = _positive(found.ideal), _positive(found.expected)
    elif not isinstance(found, str):
        guess = _positive(found)
    lines = [number(speed.mean), *factors(pool, pools, _speed)] if speed else []
    if guess and ideal and speed:
        lines.append(f"{_STAR} {number(guess)} ({times(speed.mean, guess)})")
    elif guess:
        lines.append(f"predicted {number(guess)}")
    ceiling = mean_over([ceiling_of(run) for run in pool.runs])
    return Step(
        look=fill_of(pool.stage, pool.is_variant, look),
        speed=speed,
        start=start.mean if start else None,
        start_x=pools.index(before) if before and start else None,
        roof=ideal or ceiling,
        is_ideal=ideal is not None,
        predicted=guess,
        told="\n".join(lines),
    )


def _positive(value: float | None) -> float | None:
    """The value, if a logarithm can be taken of it."""
    return value if drawable(value) and value > _LEAST else None


def _speed(pool: Pool) -> Value | None:
    """The speed, if a logarithm can be taken of it."""
    value = pool.tokens_per_second
    return value if value and value.mean > _LEAST else None


def _name(pool: Pool, width: float, size: float) -> str:
    before = builds_on(pool)
    on = f"\non {printable(before)}" if before else ""
    return bar_name(pool.label, width, size) + on


def _notes(results: Sequence[Result], steps: Sequence[Step]) -> list[str]:
    notes = [
        counted_as(results),
        "log scale: equal heights are equal factors",
        "a step starts at the stage it builds on (thin line); hollow: slower than that",
        "error bars: standard deviation over samples",
    ]
    if any(step.roof and not step.is_ideal for step in steps):
        drawn = [run for run in results if ceiling_of(run)]
        besides = [
            "with speculation, at this acceptance"
            if any(run.mean_accepted is not None for run in drawn)
            else "",
            "for several ranks, at their bandwidth together"
            if any((run.world_size or 1) > 1 for run in drawn)
            else "",
        ]
        told = "; ".join(words for words in besides if words)
        notes.append(
            "ceiling: tokens/s if reading its weights at the device's bandwidth took all the time"
            + (f" ({told})" if told else "")
        )
    elif not any(step.is_ideal for step in steps):
        notes.append("no ceiling: these records tell no bandwidth of the device")
    if any(step.is_ideal for step in steps):
        notes.append("ideal: the roofline, at the whole bandwidth and with no overhead")
        notes.append("star: tokens/s expected of good programs, and measured over expected")
    elif any(step.predicted for step in steps):
        notes.append("star: tokens/s that were predicted")
    return notes


def _gaps(predicted: Mapping[str, float | Predicted | str]) -> list[str]:
    """A paragraph a bar: how far it is from both readings, and why; bars alike share one."""
    said: dict[str, list[str]] = {}
    for label, found in predicted.items():
        if isinstance(found, Predicted):
            shares = (number(100 * found.of_expected), number(100 * found.of_ideal))
            ratios = "{} % of expected, {} % of ideal".format(*shares)
            said.setdefault(found.cause, []).append(f"{printable(label)} ({ratios})")
        elif isinstance(found, str):
            why = f"no prediction: {printable(found)}."
            said.setdefault(why, []).append(printable(label))
    return [f"{', '.join(labels)}: {cause}" for cause, labels in said.items()]


def _draw(axes: Axes, steps: Sequence[Step], names: Sequence[str], look: Theme) -> None:
    air, size = AIR * look.scale, LABEL * look.scale
    low, high = _limits(steps, air, size)
    set_slots(axes, names, look)
    axes.set_yscale("log")
    axes.set(ylim=(low, high), ylabel="tokens/s (log scale)")
    axes.yaxis.set_major_locator(
        LogLocator(subs=(1.0, 2.0, 5.0) if high < 1e4 * low else (1.0,), numticks=15)
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.grid(True, color=look.grid, lw=0.6)
    for x, step in enumerate(steps):
        if step.speed is None:
            gap(axes, x, look)
        else:
            _draw_step(axes, x, step, step.speed, look)
        _draw_marks(axes, x, step, look)
        for text, y, points in _texts(step, low, high, air, size):
            note(axes, text.text, (x, y), points, text.size, look)


def _draw_step(axes: Axes, x: int, step: Step, speed: Value, look: Theme) -> None:
    if step.start is not None and step.start_x is not None:
        ends = [step.start_x + _HALF, x + (_HALF if step.start_x < x else -_HALF)]
        axes.plot(ends, [step.start] * 2, color=look.faint, lw=look.scale, ls=":", zorder=1)
        fill = look.ground if step.falls else step.look.color
        dark = step.look.color if step.falls and step.look.hatch else step.look.edge
        axes.bar(
            x,
            abs(speed.mean - step.start),
            2 * _HALF,
            bottom=min(step.start, speed.mean),
            color=fill,
            hatch=step.look.hatch,
            edgecolor=dark,
            lw=0,
            zorder=2,
        )
        if step.falls:
            axes.plot([x], [speed.mean], marker=7, ms=7 * look.scale, color=look.ink, zorder=4)
    ends = [x - _HALF, x + _HALF]
    axes.plot(ends, [speed.mean] * 2, color=look.ink, lw=2.2 * look.scale, zorder=3)
    if speed.std is not None:
        error_bar(axes, x, Value(speed.mean, min(speed.std, 0.999 * speed.mean)), look)


def _draw_marks(axes: Axes, x: int, step: Step, look: Theme) -> None:
    if step.roof:
        ends = [x - 0.46, x + 0.46]
        axes.plot(ends, [step.roof] * 2, color=look.ink, lw=1.2 * look.scale, ls=(0, (3, 1.5)))
    if step.predicted:
        axes.plot(
            [x],
            [step.predicted],
            marker="*",
            ms=9 * look.scale,
            color=look.ground,
            markeredgecolor=look.ink,
            zorder=4,
        )


def _texts(
    step: Step, low: float, high: float, air: float, size: float
) -> list[tuple[Note, float, float]]:
    """The texts of a step, placed: over its marks, or under a step that falls."""
    panel = 72 * _HEIGHT / math.log(high / low)
    notes, own = [], []
    # The star reaches half its height over and under the value that it stands for.
    reach = math.exp(size * 0.7 / panel)
    if step.roof:
        word = "ideal" if step.is_ideal else "ceiling"
        notes.append(Note(f"{word} {number(step.roof)}", step.roof, size))
    if step.predicted:
        notes.append(Note("", step.predicted * reach, size))
    if step.speed and step.falls:
        below = step.speed.mean - min(step.speed.std or 0.0, 0.5 * step.speed.mean)
        if step.predicted and step.predicted < step.speed.mean:
            below = min(below, step.predicted / reach)
        own = [(Note(step.told, below, size), below, -air - size * 0.6)]
    elif step.told:
        height = step.speed.mean + (step.speed.std or 0.0) if step.speed else step.predicted or low
        notes.append(Note(step.told, height, size))
    return own + stacked(notes, lambda y: panel * math.log(y / low), air)


def _limits(steps: Sequence[Step], air: float, size: float) -> tuple[float, float]:
    """The lowest and highest of the axis, so that everything and its text has room."""
    heights = [
        height
        for step in steps
        for height in (
            step.speed and step.speed.mean,
            step.speed and step.speed.mean + (step.speed.std or 0.0),
            step.start,
            step.roof,
            step.predicted,
        )
        if height
    ]
    low, high = min(heights) / 1.3, max(heights) * 1.3
    for _ in range(60):
        panel = 72 * _HEIGHT / math.log(high / low)
        bottom = top = 0.0
        for step in steps:
            for text, y, points in _texts(step, low, high, air, size):
                place = panel * math.log(y / low) + points
                top = max(top, place + (text.points if points >= 0 else 0.0))
                bottom = min(bottom, place - (text.points if points < 0 else 0.0))
        if top <= 72 * _HEIGHT - air and bottom >= 0:
            break
        if top > 72 * _HEIGHT - air:
            high *= math.exp((top - 72 * _HEIGHT + 2 * air) / panel)
        if bottom < 0:
            low *= math.exp((bottom - air) / panel)
    return low, high
