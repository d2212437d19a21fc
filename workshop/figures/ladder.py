"""The ladder: where the speed-up came from, each stage as a step from the one that it builds on.

Two stages build on quantize, so the steps are no single line: each hangs at the height of its own
predecessor. Where a prediction can be had, each step stands beside what should have come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workshop.analysis.predicted import Predicted, predicted_of
from workshop.figures.bars import FEWEST
from workshop.figures.caption import caption_for, warnings_for
from workshop.figures.pooling import pooled, split_servers
from workshop.figures.sheet import ShownFigure, sheet, text_height, text_width
from workshop.figures.steps import HEIGHT, Prediction, Step, draw_steps
from workshop.figures.theme import LABEL, PAPER, NothingToDrawError, Theme, theme
from workshop.record.results import Result, drawable
from workshop.util.text import printable

_PITCH = 0.95  # inches from step to step, at a scale of 1


def predicted_ladder(results: Sequence[Result], look: Theme = PAPER) -> ShownFigure:
    """The ladder beside what the runs' machines should have done; raises what ``ladder`` does."""
    return ladder(results, look, predictions(results))


def predictions(results: Sequence[Result]) -> dict[str, Predicted | str]:
    """What each bar's runs should have done, by its name; or why that cannot be said."""
    return {
        pool.label: predicted_of([run for run in pool.runs if drawable(run.tokens_per_second)])
        for pool in pooled(results)
        if pool.tokens_per_second and pool.tokens_per_second.has_logarithm
    }


def ladder(
    results: Sequence[Result],
    look: Theme = PAPER,
    predicted: Mapping[str, Prediction] | None = None,
) -> ShownFigure:
    """The steps in the stages' order; ``predicted`` holds, by a bar's name, what should have come.

    Raises:
        NothingToDrawError: no result has tokens/s.
    """
    expected = predicted or {}
    beside, servers = split_servers(results)
    pools = pooled(beside)
    places = {pool.label: x for x, pool in enumerate(pools)}
    steps = [
        Step(pool, places.get(pool.before.label) if pool.before else None, expected.get(pool.label))
        for pool in pools
    ]
    if not any(step.speed for step in steps):
        raise NothingToDrawError("none of these results has tokens/s")
    notes = [*_notes(steps), *_left_out(servers)]
    gaps = _gaps(expected)
    caption = [*caption_for(pools, notes, beside), *gaps]
    cautions = warnings_for(beside)
    size = LABEL * look.scale
    longest = max(text_width(step.text, size) for step in steps) / 72 + 0.06
    pitch = max(_PITCH * look.scale, longest)
    names = [step.name(pitch * 72, size) for step in steps]
    with theme(look):
        figure, (axes,) = sheet(
            look,
            ["Where the speed-up comes from"],
            width=max(len(steps), FEWEST) * pitch,
            below=max(text_height(name, size) for name in names),
            caption=caption,
            cautions=cautions,
            height=HEIGHT,
        )
        draw_steps(axes, steps, names, look)
    return figure


def _notes(steps: Sequence[Step]) -> list[str]:
    notes = [
        "log scale: equal heights are equal factors",
        "a step starts at the stage it builds on (thin line); hollow: slower than that",
        "error bars: standard deviation over samples",
    ]
    if any(step.roof and not step.ideal for step in steps):
        notes.append(_ceiling_note([run for step in steps for run in step.runs_with_ceiling]))
    elif not any(step.ideal for step in steps):
        notes.append("no ceiling: these records tell no bandwidth of the device")
    if any(step.ideal for step in steps):
        notes.append("ideal: the roofline, at the whole bandwidth and with no overhead")
        notes.append("star: tokens/s expected of good programs, and measured over expected")
    elif any(step.expected for step in steps):
        notes.append("star: tokens/s that were predicted")
    return notes


def _ceiling_note(runs: Sequence[Result]) -> str:
    """What the ceiling of these runs is."""
    conditions = []
    if any(run.mean_accepted is not None for run in runs):
        conditions.append("with speculation, at this acceptance")
    if any((run.world_size or 1) > 1 for run in runs):
        conditions.append("for several ranks, at their bandwidth together")
    return (
        "ceiling: tokens/s if reading its weights at the device's bandwidth took all the time"
        + (f" ({'; '.join(conditions)})" if conditions else "")
    )


def _left_out(servers: Sequence[Result]) -> list[str]:
    names = ", ".join(dict.fromkeys(printable(run.format) for run in servers))
    return [f"left out, since they count all requests of a server: {names}"] if names else []


def _gaps(predicted: Mapping[str, Prediction]) -> list[str]:
    """A paragraph a bar: how far it is from both readings, and why; bars alike share one."""
    causes: dict[str, list[str]] = {}
    for label, found in predicted.items():
        if isinstance(found, Predicted):
            causes.setdefault(found.cause, []).append(f"{printable(label)} ({found.shares})")
        elif isinstance(found, str):
            why = f"no prediction: {printable(found)}."
            causes.setdefault(why, []).append(printable(label))
    return [f"{', '.join(labels)}: {cause}" for cause, labels in causes.items()]
