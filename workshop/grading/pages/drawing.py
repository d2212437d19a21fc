"""Small drawings of a distribution, with a place in it marked.

Drawn by hand, in SVG that takes its colours from the page's style: one for each of three hundred
pages has to cost next to nothing. What they show stands beside them in words.
"""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from workshop.analysis.table import number
from workshop.grading.pages import text
from workshop.grading.pages.distribution import BINS, Distribution

WIDTH = 320
_LEFT, _RIGHT, _TOP, _HEIGHT = 8, 312, 38, 64  # of the bars
_BASE = _TOP + _HEIGHT
_NAME = 92  # of a stage
_ROW = 30


def histogram(distribution: Distribution, own: float | None = None) -> Markup:
    """How many people have how many points, in tenths; ``own`` with a mark above it."""
    counts = distribution.counts
    step = (_RIGHT - _LEFT) / BINS
    most = max(counts) or 1
    bars = [
        Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>').format(
            _px(_LEFT + place * step + 1),
            _px(_BASE - _HEIGHT * count / most),
            _px(step - 2),
            _px(_HEIGHT * count / most),
        )
        for place, count in enumerate(counts)
        if count
    ]
    numbers = [
        Markup('<text class="small" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            _px(_LEFT + (place + 0.5) * step), _px(_BASE - _HEIGHT * count / most - 3), count
        )
        for place, count in enumerate(counts)
        if count
    ]
    axis = Markup(
        '<path class="axis" d="M{left} {base}H{right}"/>'
        '<text x="{left}" y="{below}">0</text>'
        '<text x="{right}" y="{below}" text-anchor="end">{most}</text>'
    ).format(
        left=_LEFT, right=_RIGHT, base=_BASE, below=_BASE + 14, most=text.points(distribution.most)
    )
    mark = Markup("") if own is None else _mark(_along(own, distribution.most))
    return _svg(Markup("").join([*bars, *numbers, axis, mark]), _BASE + 20)


def strips(class_: Mapping[str, Distribution], own: Mapping[str, float]) -> Markup:
    """By stage, the middle half of the class as a band with its median, and ``own`` as a dot.

    A dashed line stands where the baseline is.
    """
    most = max([1.0, *own.values(), *(one.middle[1] for one in class_.values())])
    stages = list(dict.fromkeys([*own, *class_]))
    rows = [
        _strip(stage, class_.get(stage), own.get(stage), most, place * _ROW + 12)
        for place, stage in enumerate(stages)
    ]
    bottom = len(stages) * _ROW
    baseline = Markup(
        '<path class="baseline" d="M{x} 0V{bottom}"/>'
        '<text class="small" x="{x}" y="{below}" text-anchor="middle">baseline</text>'
    ).format(x=_px(_x(1.0, most)), bottom=bottom, below=bottom + 10)
    return _svg(Markup("").join([baseline, *rows]), bottom + 14)


def points_in_words(distribution: Distribution, own: float | None = None) -> str:
    """What ``histogram`` shows."""
    if not distribution.values:
        return "Nobody handed it in."
    people = text.counted(len(distribution.values), "person has", "people have a median of")
    middle = ""
    if distribution.quarters:
        low, high = map(text.points, distribution.middle)
        middle = f"; the middle half lies between {low} and {high}"
    sentence = (
        f"Of {text.points(distribution.most)} points, {people} "
        f"{text.points(distribution.median)}{middle}."
    )
    return sentence if own is None else f"{sentence} You have {text.points(own)}."


def speeds_in_words(class_: Mapping[str, Distribution], own: Mapping[str, float]) -> str:
    """What ``strips`` shows."""
    sentences = []
    for stage in dict.fromkeys([*own, *class_]):
        parts = [f"yours {number(own[stage])} times your baseline"] if stage in own else []
        if stage in class_:
            parts.append(ratios_in_words(class_[stage]))
        sentences.append(f"{stage}: {'; '.join(parts)}.")
    return " ".join(sentences)


def ratios_in_words(ratios: Distribution) -> str:
    """'1 person 1.94'; 'median of 5 people 1.70, middle half 1.60 to 1.80'."""
    count = len(ratios.values)
    if count == 1:
        return f"1 person {number(ratios.median)}"
    words = f"median of {count} people {number(ratios.median)}"
    if not ratios.quarters:
        return words
    low, high = map(number, ratios.middle)
    return f"{words}, middle half {low} to {high}"


def _strip(
    stage: str, class_: Distribution | None, own: float | None, most: float, y: int
) -> Markup:
    parts = [
        Markup('<text x="0" y="{}">{}</text>').format(y + 4, text.line(stage, 14)),
        Markup('<path class="axis" d="M{} {}H{}"/>').format(_NAME, y, _px(_x(most, most))),
    ]
    if class_ is not None:
        low, high = (_x(value, most) for value in class_.middle)
        median = _x(class_.median, most)
        if class_.quarters:
            band = Markup('<rect class="bar" x="{}" y="{}" width="{}" height="12"/>')
            parts.append(band.format(_px(low), y - 6, _px(max(1.0, high - low))))
        parts.append(Markup('<path class="median" d="M{} {}v16"/>').format(_px(median), y - 8))
    if own is not None:
        parts.append(
            Markup(
                '<circle class="own" cx="{}" cy="{}" r="5"/>'
                '<text class="strong" x="{}" y="{}" text-anchor="end">{}×</text>'
            ).format(_px(_x(own, most)), y, WIDTH, y + 4, number(own))
        )
    return Markup("").join(parts)


def _x(ratio: float, most: float) -> float:
    return _NAME + (_RIGHT - 44 - _NAME) * min(1.0, max(0.0, ratio / most))


def _mark(x: float) -> Markup:
    """A pointer from above, with 'you' over it."""
    anchor = "start" if x < _LEFT + 12 else "end" if x > _RIGHT - 12 else "middle"
    return Markup(
        '<path class="own" d="M{} 22l-5 -9h10z"/>'
        '<text class="strong" x="{}" y="10" text-anchor="{}">you</text>'
    ).format(_px(x), _px(x), anchor)


def _along(value: float, most: float) -> float:
    share = value / most if most > 0 else 0.0
    return _LEFT + (_RIGHT - _LEFT) * min(1.0, max(0.0, share))


def _svg(inside: Markup, height: float) -> Markup:
    """Hidden from screen readers: its words stand beside it."""
    return Markup('<svg viewBox="0 0 {} {}" aria-hidden="true" focusable="false">{}</svg>').format(
        WIDTH, _px(height), inside
    )


def _px(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
