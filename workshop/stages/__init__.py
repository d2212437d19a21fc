"""The stages of the lesson: each changes one thing against a named earlier stage."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from workshop.stages import baseline, compile, quantize, speculative, tp
from workshop.stages.settings import TECHNIQUES, Settings, in_words
from workshop.stages.stage import Stage
from workshop.util.errors import UsageError
from workshop.util.near import close

BASELINE = baseline.STAGE.name

# In the order of the lesson.
STAGES: dict[str, Stage] = {
    module.STAGE.name: module.STAGE for module in (baseline, compile, quantize, speculative, tp)
}


def find_stage(name: str) -> Stage:
    """The stage of that name.

    Raises:
        UsageError: there is none; the message lists what there is.
    """
    try:
        return STAGES[name]
    except KeyError:
        listed = ", ".join(STAGES)
        raise UsageError(
            f"there is no stage {name!r}{close(name, STAGES)}; the stages are {listed}"
        ) from None


def stage_order(name: str | None) -> int:
    """Place in the progression; an unknown name comes last."""
    return list(STAGES).index(name) if name in STAGES else len(STAGES)


def lineage(name: str) -> list[str]:
    """A stage, the stage it builds on, and so on to the first."""
    against = find_stage(name).against
    return [name, *(lineage(against) if against else [])]


def stage_of_words(words: Collection[str]) -> str | None:
    """The latest of the stages that these words name, if it builds on all others that they name."""
    named = [name for name, stage in STAGES.items() if not stage.words.isdisjoint(words)]
    if not named or (BASELINE in named and len(named) > 1):
        return None
    return named[-1] if set(named) <= set(lineage(named[-1])) else None


def settings_of(name: str) -> Settings:
    """The settings of a stage: those of the stage it builds on, and its one change."""
    stage = find_stage(name)
    if stage.against is None:
        return Settings(stage=name)
    return dataclasses.replace(settings_of(stage.against), stage=name, **stage.changes)


def variant(settings: Settings) -> str:
    """How the techniques differ from the stage's own, for a label: '' or 'quantize none'.

    Of a stage that is not known here (a record from a later version), nothing can be said.
    """
    if settings.stage not in STAGES:
        return ""
    plain = settings_of(settings.stage)
    words = [
        in_words(name, getattr(settings, name))
        for name in TECHNIQUES
        if getattr(settings, name) != getattr(plain, name)
    ]
    if settings.exercise:
        words.append(f"exercise {settings.exercise.partition('=')[0]}")
    return ", ".join(words)
