"""Where a trace is written: never over a file that is there, and whole or not at all."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from workshop.util.errors import ExpectedError


class TraceError(ExpectedError, RuntimeError):
    """A trace that could not be written; one sentence that names the file and the cause."""


def write_trace(export: Callable[[str], None], target: Path | None, stage: str) -> Path:
    """Have ``export`` write the trace beside, then give it its name; the name that it has.

    Without a ``target``, the first of trace-STAGE-1.json, -2 ... that is free.

    Raises:
        TraceError: ``target`` is there, a full disk, or a folder that may not be written to;
            nothing is left behind.
    """
    folder = target.parent if target else Path()
    beside = folder / f".workshop-{secrets.token_hex(8)}.json"
    try:
        try:
            # A file that cannot be made is better known by its own error than by the profiler's.
            beside.touch(exist_ok=False)
            export(str(beside))
            return _named(beside, target, stage)
        finally:
            beside.unlink(missing_ok=True)
    except FileExistsError:
        raise TraceError(f"{target} is there by now, and no trace is written over it") from None
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise TraceError(f"cannot write the trace {target or folder}: {why}") from None


def _named(beside: Path, target: Path | None, stage: str) -> Path:
    """Links ``beside`` to the first name that is free; raises FileExistsError, OSError."""
    for path in [target] if target else _names(stage):
        try:
            os.link(beside, path)  # fails where there is one, also if two write at once
            return path
        except OSError:
            if path.exists():
                if target:
                    raise FileExistsError from None
                continue
            os.rename(beside, path)  # a file system without links
            return path
    raise AssertionError("names never end")


def _names(stage: str) -> Iterator[Path]:
    return (Path(f"trace-{stage}-{i}.json") for i in itertools.count(1))
