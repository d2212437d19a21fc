"""The roofline: FLOP/s achieved against FLOP for each byte read, of prefill and of decode.

Counted as in every roofline of language models: a pass costs two FLOP for each parameter and token,
and reads the weights once. Attention, keys and values are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from workshop.figures.caption import caption_for, mixed_in
from workshop.figures.pooling import Pool, pooled
from workshop.figures.roofline_points import GIGA, Point, decode_of, peaks_of, prefill_of, roofs_of
from workshop.figures.sheet import ShownFigure, sheet
from workshop.figures.theme import (
    BODY,
    LABEL,
    PAPER,
    NothingToDrawError,
    Theme,
    fill_of,
    theme,
)
from workshop.record.results import Result, drawable
from workshop.util.text import number, one_line, printable

_WIDTH, _HEIGHT = 6.0, 3.8  # inches of the panel, at a scale of 1
_NAME = 44  # characters

Phase = Literal["prefill", "decode"]


def roofline(results: Sequence[Result], look: Theme = PAPER) -> ShownFigure:
    """A point for each stage and phase under the roof of the device's bandwidth.

    Raises:
        NothingToDrawError: no result tells parameters, bytes and times.
    """
    pools = pooled(results)
    points = [(pool, prefill_of(pool), decode_of(pool)) for pool in pools]
    if not any(prefill or decode for _, prefill, decode in points):
        raise NothingToDrawError(
            "none of these results tells its model's parameters, bytes and times of decode"
        )
    shown = [pool for pool, prefill, decode in points if prefill or decode]
    roofs = roofs_of(shown)
    peaks = peaks_of(shown) if roofs else []
    legend = _legend(points, roofs, peaks, look)
    size = LABEL * look.scale
    with theme(look):
        figure, (axes,) = sheet(
            look,
            ["Roofline"],
            width=_WIDTH * look.scale,
            below=size * (1.75 * len(legend) + 5.0),
            caption=caption_for(shown, _notes(shown, roofs, peaks)),
            cautions=mixed_in(results),
            height=_HEIGHT,
        )
        _draw(axes, points, roofs, peaks, look)
        axes.legend(
            handles=legend,
            loc="upper left",
            bbox_to_anchor=(0, -4.6 * size / (72 * _HEIGHT)),
            borderaxespad=0,
            borderpad=0,
        )
    return figure


def _notes(pools: Sequence[Pool], roofs: Sequence[float], peaks: Sequence[float]) -> list[str]:
    runs = [run for pool in pools for run in pool.runs]
    measured = all(drawable(run.device_bandwidth_gb_per_second) for run in runs)
    source = "as the runs measured it" if measured else "as measured, or on paper where it is not"
    return [
        "FLOP of a pass: 2 x parameters x tokens in it; its bytes: the weights, read once",
        "prefill: the whole prompt in one pass, over TTFT",
        "decode: a token a pass; speculative: k + 1 tokens a pass, and k passes of the draft",
        "left out: attention, keys and values, activations",
        "a point is a mean over samples, without error bars",
        f"bandwidth roof: {source}, over all ranks" if roofs else "no bandwidth known",
        "compute roof: dense products in 16 bits, on paper, over all ranks"
        if peaks
        else "no compute roof: the device's FLOP/s are not in the records, nor in a table",
    ]


def _roof_label(roofs: Sequence[float], peaks: Sequence[float]) -> str:
    bandwidth = f"bandwidth roof, {_ends(roofs)} GB/s"
    if not peaks:
        return f"{bandwidth} (no compute roof is known)"
    return f"{bandwidth}; compute roof, {_ends(peaks)} GFLOP/s"


def _ends(values: Sequence[float]) -> str:
    ends = dict.fromkeys(number(value / GIGA) for value in (values[0], values[-1]))
    return " to ".join(ends)


def _legend(
    points: Sequence[tuple[Pool, Point | None, Point | None]],
    roofs: Sequence[float],
    peaks: Sequence[float],
    look: Theme,
) -> list[Line2D]:
    handles = []
    for pool, prefill, decode in points:
        numbers = [
            f"{phase} {number(point.flops / GIGA)} at {number(point.intensity)}"
            for phase, point in (("decode", decode), ("prefill", prefill))
            if point
        ]
        name = one_line(printable(pool.label), _NAME)
        label = f"{name}: {', '.join(numbers) if numbers else 'no result'}"
        handles.append(Line2D([], [], **_marker(pool, "decode", look), label=label))
    label = "filled: decode; hollow: prefill; GFLOP/s at FLOP per byte"
    handles.append(Line2D([], [], ls="", label=label))
    label = (
        _roof_label(roofs, peaks) if roofs else "no roof: neither bandwidth nor FLOP/s are known"
    )
    handles.append(Line2D([], [], color=look.ink, lw=1.6 * look.scale if roofs else 0, label=label))
    return handles


def _marker(pool: Pool, phase: Phase, look: Theme) -> dict[str, Any]:
    fill = fill_of(pool.stage, pool.is_variant, look)
    return {
        "ls": "",
        "marker": fill.marker,
        "ms": 9.0 * look.scale,
        "markerfacecolor": fill.color if phase == "decode" else "none",
        "markeredgecolor": look.ink,
        "markeredgewidth": look.scale,
        "zorder": 3 if phase == "decode" else 4,
    }


def _roof(bandwidth: float, peak: Sequence[float]) -> Callable[[float], float]:
    """FLOP/s at an intensity, at most; without a ``peak`` the roof knows no end."""
    return lambda intensity: min([bandwidth * intensity, *peak])


def _draw(
    axes: Axes,
    points: Sequence[tuple[Pool, Point | None, Point | None]],
    roofs: Sequence[float],
    peaks: Sequence[float],
    look: Theme,
) -> None:
    every = [point for _, *pair in points for point in pair if point]
    left = min(point.intensity for point in every) / 2
    right = max(point.intensity for point in every) * 2
    heights = [point.flops / GIGA for point in every]
    if roofs:
        lowest, highest = _roof(roofs[0], peaks[:1]), _roof(roofs[-1], peaks[-1:])
        ridges = [peaks[i] / roofs[i] for i in (0, -1) if peaks]
        right = max([right, *(2 * ridge for ridge in ridges)])
        xs = sorted([left, *(ridge for ridge in ridges if ridge > left), right])
        low, high = ([roof(x) / GIGA for x in xs] for roof in (lowest, highest))
        heights += [high[0], high[-1]]
        axes.fill_between(xs, low, high, color=look.grid, lw=0)
        axes.plot(xs, high, color=look.ink, lw=1.6 * look.scale)
        if low != high:
            axes.plot(xs, low, color=look.ink, lw=0.8 * look.scale)
    for pool, prefill, decode in points:
        for phase, point in (("decode", decode), ("prefill", prefill)):
            if point:
                marker = _marker(pool, "decode" if phase == "decode" else "prefill", look)
                axes.plot([point.intensity], [point.flops / GIGA], **marker)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set(xlim=(left, right), ylim=(min(heights) / 2, max(heights) * 2))
    axes.set_xlabel("FLOP per byte of weights read (log scale)", size=BODY * look.scale)
    axes.set_ylabel("GFLOP/s (log scale)")
    for axis in (axes.xaxis, axes.yaxis):
        low_end, high_end = axis.get_view_interval()
        wide = high_end > 1e3 * low_end
        axis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0), numticks=15))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(True, color=look.grid, lw=0.6)
    axes.tick_params(which="both", labelsize=LABEL * look.scale, color=look.faint)
