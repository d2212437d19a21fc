"""Responses of llama.cpp's server between other lines: a stream that was saved, or a job's log.

    data: {"choices": [...], "timings": {"cache_n": 0, "prompt_n": 7, ...}}

Of a stream, the last chunk has the timings; with ``timings_per_token`` every chunk has those so
far, and the last one of a request counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from workshop.record.readers.llama_server_response import run_of, timings_of
from workshop.record.readers.units import capped
from workshop.record.results import Result

NAME = "llama-server-stream"
NEEDLES = (b'"predicted_per_second"',)

_LONGEST = 1_000_000  # characters of a response


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs in these lines: one a request."""
    return capped(_runs(lines))


def _runs(lines: Iterable[str]) -> Iterator[Result]:
    before: dict[str, Any] | None = None
    for line in lines:
        response = _parsed(line)
        if response is None:
            continue
        if before is not None and not _goes_on(before, response):
            yield run_of(before)
        before = response
    if before is not None:
        yield run_of(before)


def _goes_on(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a chunk is a later one of the same request, with more tokens."""
    earlier, later = timings_of(before) or {}, timings_of(after) or {}
    same = all(before.get(key) == after.get(key) for key in ("id", "id_slot", "index", "created"))
    same = same and earlier.get("prompt_ms") == later.get("prompt_ms")
    return same and _tokens(later) >= _tokens(earlier)


def _tokens(timings: Any) -> float:
    value = timings.get("predicted_n")
    return value if isinstance(value, int | float) else -1


def _parsed(line: str) -> dict[str, Any] | None:
    start = line.find("{")
    if start < 0 or len(line) > _LONGEST:
        return None
    try:
        response = json.loads(line[start:])
    except (ValueError, RecursionError):
        return None
    return response if isinstance(response, dict) and timings_of(response) else None
