"""Which stage of the lesson a run of gpt-fast was, where its log has no ``Example:=`` line.

What the log shows of its own comes first: compilation, int8 weights, accepted tokens, ranks. Then
the job name, which Slurm's ``%x-%j.out`` puts into the file's name. What the user says wins.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from workshop.record.results import Result
from workshop.stages import STAGES, stage_of_words
from workshop.util.errors import UsageError

FAMILY = "gpt-fast"  # the format of the engines that the lesson's stages were made for
EXAMPLE, LOG, FILE_NAME, USER = "Example:=", "the log", "the file name", "the command"
_DENIALS = {"no", "non", "not", "without"}
_OF_ANY_STAGE = {"decoding"}  # of the stages' words, those that name no stage by themselves


def with_stage(result: Result, file_name: str) -> Result:
    """The result with its stage and what tells it; unchanged where nothing does.

    Where the log and the file's name contradict each other, the log is believed, and a warning
    says so.
    """
    if result.format != FAMILY or result.status == "failed":
        return result
    named = stage_of_name(file_name)
    if result.stage is not None:
        stage, source = result.stage, EXAMPLE
    elif (shown := stage_shown(result)) is not None:
        stage, source = shown, LOG
    elif named is not None:
        return _changed(result, stage=named, stage_source=FILE_NAME)
    else:
        return result
    doubt = [] if named in (None, stage) else [f"the file name says {named}, {source} {stage}"]
    warnings = [*result.warnings, *doubt] if doubt else result.warnings
    return _changed(result, stage=stage, stage_source=source, warnings=warnings)


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


def _changed(result: Result, **fields: Any) -> Result:
    """As ``dataclasses.replace``, without a call for each field: a file can hold thousands."""
    changed = object.__new__(Result)
    object.__setattr__(changed, "__dict__", vars(result) | fields)
    return changed


def stage_shown(result: Result) -> str | None:
    """The latest stage whose technique the log shows; None if it shows none."""
    return next((name for name in reversed(STAGES) if STAGES[name].shows(result)), None)


@cache
def stage_of_name(file_name: str) -> str | None:
    """The stage that a job's name says: of ``gpt-fast-compile-488364.out``, compile.

    None if it names none, or several of which no one is built on all others, or denies one.
    """
    parts = re.findall(r"[a-z0-9]+", Path(file_name).stem.lower())
    if not _DENIALS.isdisjoint(parts):
        return None
    return stage_of_words({*parts, *(part.rstrip("0123456789") for part in parts)} - _OF_ANY_STAGE)


def parted(path: Path) -> tuple[str | None, Path]:
    """Stage and file of ``compile=job.out``; no stage where no equals sign stands before a file.

    Raises:
        UsageError: no file of the whole name is there, and what stands before '=' is no stage.
    """
    name, sign, file = str(path).partition("=")
    if not sign or not file or "/" in name or _is_there(path):
        return None, path
    if name not in STAGES:
        raise UsageError(
            f"there is no file {path}, and {name!r} is no stage: before '=' may stand "
            f"{', '.join(STAGES)}"
        )
    return name, Path(file)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False
