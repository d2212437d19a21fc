"""Logs of which nothing is known: no format's, not ours, and no word of what ended a job."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import BinaryIO

from workshop.record.readers import registry
from workshop.record.readers.prefixes import layers
from workshop.record.results import Result
from workshop.stages import STAGES

NAME = "unknown"
ADVICE = "'A format of your own' in docs/reading.md says how to add a reader for it"

_STAGE = "Stage: "
# How lines begin that only our runs and job scripts print
_MARKS = ("workshop: ", "WORKSHOP-")
# Before there is a number, our runs and job scripts print these, and other programs one of them.
_OURS = (_STAGE, "Changes against ", "First token after ", "Example:= ", "Nodelist:= ")
# These are gpt-fast's too, and of the other programs in its repository and in its relatives'.
_SHARED = ("Using device=", "Loading model ...", "Time to load model: ", "Compilation time: ")
_HEADS = (*_MARKS, *_OURS, *_SHARED)
_ANY_HEAD = re.compile("|".join(map(re.escape, _HEADS)))
# Of a format that has a name without it
_VARIANTS = ("-json", "-markdown", "-rows", "-response", "-stream")
_SERVER = "-server"
_LONGEST = 260  # characters of all the formats' names together
_OUR_FIELDS = (b'"stage"', b'"ttft_seconds"')
_BEGINNING = 65_536  # bytes of a document in which these are looked for


def head_of(line: str) -> str | None:
    """Which of the lines this is that a run of ours or of gpt-fast's begins with; None if none."""
    if _ANY_HEAD.search(line) is None:
        return None
    _, left = layers(line)
    return next((head for one in left if (head := _plain_head(one))), None)


def _plain_head(line: str) -> str | None:
    if line.startswith(_STAGE) and line.removeprefix(_STAGE).strip() not in STAGES:
        return None
    return next((head for head in _HEADS if line.startswith(head)), None)


def has_begun(heads: Collection[str], last_line: str | None, ended: bool) -> bool:
    """Whether a log with these heads is an unfinished run of ours or of gpt-fast's.

    One head alone is too little, unless the log tells what ended its job (``ended``). gpt-fast's
    evaluation and export begin as a run does, but they go on: a run without a number does not.
    """
    if any(head in _MARKS for head in heads):
        return True
    if ended or len(heads) < 2:
        return ended and len(heads) > 0
    return any(head in _OURS for head in heads) or (
        last_line is not None and head_of(last_line) is not None
    )


def is_our_document(file: BinaryIO) -> bool:
    """Whether JSON, cut off or not, has fields of our record; the file is left at its beginning."""
    beginning = file.read(_BEGINNING)
    file.seek(0)
    return any(field in beginning for field in _OUR_FIELDS)


def result() -> Result:
    """What is said of such a log: that it is of no format, and which formats there are."""
    names = ", ".join(formats([name for name, _ in registry.installed()]))
    if len(names) > _LONGEST:
        names = names[:_LONGEST].rpartition(",")[0] + ", ..."
    reason = f"no format that workshop reads: it reads {names} (docs/reading.md has the whole list)"
    return Result(None, "failed", format=NAME, reason=reason, advice=ADVICE)


def formats(names: Sequence[str]) -> list[str]:
    """The formats of these readers, each tool's logs and files once."""
    found = ["workshop"]
    for name in names:
        suffix = next((one for one in _VARIANTS if name.endswith(one)), "")
        found.append(name.removesuffix(suffix))
    return [
        name
        for name in dict.fromkeys(found)
        if name.removesuffix(_SERVER) not in found or not name.endswith(_SERVER)
    ]
