"""Results as series that differ in one setting alone, for a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from workshop.analysis.identity import names_of, new_tokens_asked
from workshop.figures.pooling import Pool, pools_of
from workshop.figures.theme import NothingToDrawError
from workshop.record.results import Result, drawable
from workshop.stages import STAGES, settings_of


@dataclass(frozen=True)
class Axis:
    """The setting that was varied.

    Attributes:
        value: of a run; None where it is not known.
        trait: its name among those that name a run.
        setting: its name in the settings of a run of ours.
    """

    name: str
    value: Callable[[Result], float | None]
    trait: str = ""
    setting: str | None = None


@dataclass(frozen=True)
class Series:
    """Runs that differ in nothing but the setting: pools by its value, in order."""

    name: str
    points: list[tuple[float, Pool]]


# Settings that are no conditions: those of any tool, and those of ours alone.
_FIELDS = (
    Axis("concurrency", lambda run: run.concurrency, "concurrency"),
    Axis("batch size", lambda run: run.batch_size, "batch size", "batch_size"),
    Axis("prompt tokens", lambda run: run.prompt_tokens, "prompt tokens"),
    Axis("ranks", lambda run: run.world_size, "ranks", "ranks"),
    Axis("threads", lambda run: run.threads, "threads"),
    Axis("tokens proposed per pass", lambda run: _setting(run, "draft_tokens"), "", "draft_tokens"),
    Axis("decode steps per graph", lambda run: _setting(run, "decode_steps"), "", "decode_steps"),
    Axis("new tokens", new_tokens_asked, "new tokens", "new_tokens"),
)


def series_of(results: Sequence[Result]) -> tuple[Axis, list[Series]]:
    """The setting that was varied most, and the lines against it.

    Raises:
        NothingToDrawError: there is none.
    """
    drawn = [run for run in results if any(panel_value(run) for panel_value in _MEASURED)]
    found = [(axis, _lines(axis, drawn)) for axis in _axes(drawn)]
    longest = [
        (sum(len(one.points) for one in lines), axis, lines) for axis, lines in found if lines
    ]
    if not longest:
        raise NothingToDrawError(
            "no two of these results differ in one number that was set, such as the concurrency "
            "or the batch size, and in nothing else"
        )
    _, axis, lines = max(longest, key=lambda one: one[0])
    return axis, lines


_MEASURED: tuple[Callable[[Result], bool], ...] = (
    lambda run: drawable(run.tokens_per_second),
    lambda run: drawable(run.ttft_seconds),
    lambda run: drawable(run.tpot_seconds),
)


def _axes(results: Sequence[Result]) -> list[Axis]:
    """The settings that are numbers and are not the same in all of these results."""
    names = dict.fromkeys(name for run in results for name in sorted(run.conditions))
    conditions = [Axis(name, _condition(name), name) for name in names]
    return [
        axis
        for axis in [*_FIELDS, *conditions]
        if len({value for run in results if (value := axis.value(run)) is not None}) > 1
    ]


def _setting(run: Result, name: str) -> float | None:
    return None if run.settings is None else getattr(run.settings, name)


def _without(run: Result, axis: Axis) -> Result:
    """The run as if its setting on the axis were the stage's own: it names no series."""
    settings = run.settings
    if settings is None and axis.trait == "prompt tokens":
        return replace(run, prompt_tokens=None)  # which llama-bench calls a test by
    if settings is None and axis.trait == "new tokens":
        return replace(run, new_tokens=None)
    if axis.setting is None or settings is None or settings.stage not in STAGES:
        return run
    own = getattr(settings_of(settings.stage), axis.setting)
    return replace(run, settings=replace(settings, **{axis.setting: own}))


def _condition(name: str) -> Callable[[Result], float | None]:
    def value(run: Result) -> float | None:
        found = run.conditions.get(name)
        is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
        return float(found) if is_number and drawable(float(found)) else None  # type: ignore[arg-type]

    return value


# What a client's load grows by beside the setting itself: it tells no lines apart.
_ALONG = {
    "concurrency": ("requests", "input tokens"),
    "request rate, 1/s": ("requests", "input tokens"),
    "requests": ("input tokens",),
    "input tokens a request": ("input tokens",),
}


def _lines(axis: Axis, results: Sequence[Result]) -> list[Series]:
    """The series of two points and more."""
    known = [run for run in results if axis.value(run) is not None]
    if not known:
        return []
    by_name: dict[str, dict[float, list[Result]]] = {}
    passed_over = {axis.trait, *_ALONG.get(axis.trait, ())}
    names = names_of([_without(run, axis) for run in known], without=passed_over)
    for name, run in zip(names, known, strict=True):
        by_name.setdefault(name, {}).setdefault(float(axis.value(run) or 0), []).append(run)
    return [
        Series(
            name, [(x, pools_of([name] * len(runs), runs)[0]) for x, runs in sorted(points.items())]
        )
        for name, points in by_name.items()
        if len(points) > 1
    ]
