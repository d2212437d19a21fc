"""Which stage of the lesson a run of gpt-fast was, where its log has no ``Example:=`` line.

What the log shows of its own comes first: compilation, int8 weights, accepted tokens, ranks. Then
the job name, which Slurm's ``%x-%j.out`` puts into the file's name. What the user says wins.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

from workshop.record.results import Result
from workshop.stages import STAGES, stage_of_words

EXAMPLE, LOG, FILE_NAME, USER = "Example:=", "the log", "the file name", "the command"
_DENIALS = {"no", "non", "not", "without"}
_OF_ANY_STAGE = {"decoding"}  # of the stages' words, those that name no stage by themselves


def stage_and_source(result: Result, named: str | None) -> tuple[str | None, str | None, list[str]]:
    """The stage of a run of gpt-fast, what tells it, and where the sources contradict each other.

    The log is believed before its file's name.

    Args:
        result: with the stage that its ``Example:=`` line names, if any.
        named: the stage that the file's name says (``stage_of_name``).
    """
    if result.stage is not None:
        stage, source = result.stage, EXAMPLE
    elif (shown := stage_shown(result)) is not None:
        stage, source = shown, LOG
    else:
        return named, FILE_NAME if named else None, []
    return stage, source, doubts(stage, source, named)


def doubts(stage: str, source: str, named: str | None) -> list[str]:
    """A warning where the file's name says another stage."""
    return [] if named in (None, stage) else [f"the file name says {named}, {source} {stage}"]


def as_stage(result: Result, stage: str) -> Result:
    """The result as a run of the stage that the user names; a warning where its log says another.

    A record of ours keeps its stage: its settings are in it.
    """
    ours = result.settings is not None
    doubt = []
    if result.stage not in (None, stage):
        source = "its record" if ours else result.stage_source or "the log"
        doubt = [f"the command says {stage}, {source} {result.stage}"]
    warnings = [*result.warnings, *doubt]
    if ours:
        return replace(result, warnings=warnings)
    return replace(result, stage=stage, stage_source=USER, warnings=warnings)


def stage_shown(result: Result) -> str | None:
    """The latest stage whose technique the log shows; None if it shows none."""
    for name in reversed(STAGES):
        if STAGES[name].shows(result):
            return name
    return None


@cache
def stage_of_name(file_name: str) -> str | None:
    """The stage that a job's name says: of ``gpt-fast-compile-488364.out``, compile.

    None if it names none, or several of which no one is built on all others, or denies one.
    """
    parts = re.findall(r"[a-z0-9]+", Path(file_name).stem.lower())
    if not _DENIALS.isdisjoint(parts):
        return None
    return stage_of_words({*parts, *(part.rstrip("0123456789") for part in parts)} - _OF_ANY_STAGE)
