"""The steps of a ladder, on a logarithmic axis: a step's height is its factor.

Each step hangs at the height of the one that it builds on, and a thin line leads there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from workshop.analysis.predicted import Predicted
from workshop.figures.bars import error_bar, factor_lines, gap, note, set_slots
from workshop.figures.pooling import LEAST, Pool, Value, mean_over
from workshop.figures.sheet import AIR, bar_name
from workshop.figures.stacking import Note, stacked
from workshop.figures.theme import LABEL, Theme, fill_of
from workshop.record.results import Result, drawable
from workshop.util.text import number, printable, times

HEIGHT = 4.6  # inches of the panel, at every scale
_HALF = 0.34  # of a step's width, in places on the axis
_STAR = "\N{WHITE STAR}"  # in a text, the mark of what was expected


# What should have come: both readings, or tokens/s alone, or why nothing can be predicted.
Prediction = float | Predicted | str


@dataclass(frozen=True)
class Step:
    """One stage's place on the ladder, in tokens/s.

    Attributes:
        before_x: where the stage that it builds on stands, if that is among the steps.
    """

    pool: Pool
    before_x: int | None = None
    predicted: Prediction | None = None

    @property
    def speed(self) -> Value | None:
        return speed_of(self.pool)

    @property
    def start(self) -> float | None:
        """The speed of the stage that it builds on."""
        before = speed_of(self.pool.before) if self.pool.before else None
        return before.mean if before else None

    @property
    def falls(self) -> bool:
        return self.speed is not None and self.start is not None and self.speed.mean < self.start

    @property
    def ideal(self) -> float | None:
        found = self.predicted
        return _positive(found.ideal) if isinstance(found, Predicted) else None

    @property
    def expected(self) -> float | None:
        found = self.predicted
        if isinstance(found, str):
            return None
        return _positive(found.expected if isinstance(found, Predicted) else found)

    @cached_property
    def runs_with_ceiling(self) -> list[Result]:
        return [run for run in self.pool.runs if ceiling_of(run)]

    @cached_property
    def roof(self) -> float | None:
        """The ideal where it is predicted, else the ceiling by the weights alone."""
        return self.ideal or mean_over([ceiling_of(run) for run in self.runs_with_ceiling])

    @cached_property
    def text(self) -> str:
        """The lines over it: its speed, its factors, and what should have come."""
        factors = factor_lines(self.pool.factors(speed_of))
        lines = [number(self.speed.mean), *factors] if self.speed else []
        if self.expected and self.ideal and self.speed:
            share = times(self.speed.mean, self.expected)
            lines.append(f"{_STAR} {number(self.expected)} ({share})")
        elif self.expected:
            lines.append(f"predicted {number(self.expected)}")
        return "\n".join(lines)

    def name(self, width: float, size: float) -> str:
        """What stands under it, in lines of at most ``width`` points."""
        on = f"\non {printable(self.pool.builds_on)}" if self.pool.builds_on else ""
        return bar_name(self.pool.label, width, size) + on


def speed_of(pool: Pool) -> Value | None:
    """The speed, if a logarithm can be taken of it."""
    value = pool.tokens_per_second
    return value if value and value.has_logarithm else None


def _positive(value: float | None) -> float | None:
    """The value, if a logarithm can be taken of it."""
    return value if drawable(value) and value > LEAST else None


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
    return ceiling if drawable(ceiling) and ceiling > LEAST else None


def draw_steps(axes: Axes, steps: Sequence[Step], names: Sequence[str], look: Theme) -> None:
    """Draw the steps from left to right, each with its name under it."""
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
    if step.start is not None and step.before_x is not None:
        bar = fill_of(step.pool.stage, step.pool.is_variant, look)
        ends = [step.before_x + _HALF, x + (_HALF if step.before_x < x else -_HALF)]
        axes.plot(ends, [step.start] * 2, color=look.faint, lw=look.scale, ls=":", zorder=1)
        fill = look.ground if step.falls else bar.color
        dark = bar.color if step.falls and bar.hatch else bar.edge
        axes.bar(
            x,
            abs(speed.mean - step.start),
            2 * _HALF,
            bottom=min(step.start, speed.mean),
            color=fill,
            hatch=bar.hatch,
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
    if step.expected:
        axes.plot(
            [x],
            [step.expected],
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
    panel = 72 * HEIGHT / math.log(high / low)
    notes, own = [], []
    # The star reaches half its height over and under the value that it stands for.
    reach = math.exp(size * 0.7 / panel)
    if step.roof:
        word = "ideal" if step.ideal else "ceiling"
        notes.append(Note(f"{word} {number(step.roof)}", step.roof, size))
    if step.expected:
        notes.append(Note("", step.expected * reach, size))
    if step.speed and step.falls:
        below = step.speed.mean - min(step.speed.std or 0.0, 0.5 * step.speed.mean)
        if step.expected and step.expected < step.speed.mean:
            below = min(below, step.expected / reach)
        own = [(Note(step.text, below, size), below, -air - size * 0.6)]
    elif step.text:
        height = step.speed.mean + (step.speed.std or 0.0) if step.speed else step.expected or low
        notes.append(Note(step.text, height, size))
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
            step.expected,
        )
        if height
    ]
    low, high = min(heights) / 1.3, max(heights) * 1.3
    for _ in range(60):
        panel = 72 * HEIGHT / math.log(high / low)
        bottom = top = 0.0
        for step in steps:
            for text, y, points in _texts(step, low, high, air, size):
                place = panel * math.log(y / low) + points
                top = max(top, place + (text.points if points >= 0 else 0.0))
                bottom = min(bottom, place - (text.points if points < 0 else 0.0))
        if top <= 72 * HEIGHT - air and bottom >= 0:
            break
        if top > 72 * HEIGHT - air:
            high *= math.exp((top - 72 * HEIGHT + 2 * air) / panel)
        if bottom < 0:
            low *= math.exp((bottom - air) / panel)
    return low, high
