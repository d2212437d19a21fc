"""Logs of which nothing is known: no format's, not ours, and no word of what ended a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from workshop.record.readers import registry
from workshop.record.readers.prefixes import layers
from workshop.record.results import Result
from workshop.stages import STAGES

NAME = "unknown"
ADVICE = "'A format of your own' in docs/reading.md says how to add a reader for it"

_STAGE = "Stage: "
# How lines begin that our runs and job scripts print, and gpt-fast's, before there is a number.
_HEADS = (
    _STAGE,
    "Example:= ",
    "Nodelist:= ",
    "Using device=",
    "Time to load model: ",
    "Compilation time: ",
    "workshop: ",
    "WORKSHOP-",
)
# Of a format that has a name without it
_VARIANTS = ("-json", "-markdown", "-rows", "-response", "-stream")
_SERVER = "-server"
_LONGEST = 260  # characters of all the formats' names together
_OUR_FIELDS = (b'"stage"', b'"ttft_seconds"')
_BEGINNING = 65_536  # bytes of a document in which these are looked for


def is_head(line: str) -> bool:
    """Whether a run of ours or of gpt-fast's printed this line, or our job script."""
    if ":" not in line and "=" not in line and "WORKSHOP-" not in line:
        return False
    if not any(head in line for head in _HEADS):
        return False
    _, left = layers(line)
    return any(_is_plain_head(one) for one in left)


def _is_plain_head(line: str) -> bool:
    if line.startswith(_STAGE):
        return line.removeprefix(_STAGE).strip() in STAGES
    return line.startswith(_HEADS)


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
