"""Readings as plain values, the same keys for each: what programs get of any log."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import msgspec

from workshop.record.readers import Reading
from workshop.record.results import Result

# These first, in this order; the rest of the record follows.
FIRST = (
    "format",
    "stage",
    "status",
    "reason",
    "tokens_per_second",
    "tokens_per_second_std",
    "samples",
    "ttft_seconds",
    "tpot_seconds",
    "bandwidth_gb_per_second",
    "latency_seconds",
    "memory_gb",
    "compile_seconds",
    "mean_accepted",
    "acceptance_rate",
    "concurrency",
    "conditions",
    "batch_size",
    "prompt_tokens",
    "new_tokens",
    "model",
    "device",
    "definition",
)
_FIELDS = [field.name for field in dataclasses.fields(Result)]
_REST = [name for name in _FIELDS if name not in (*FIRST, "schema", "speeds")]
KEYS = ("file", *FIRST, *_REST)
MEASURED = (
    "tokens_per_second",
    "ttft_seconds",
    "tpot_seconds",
    "bandwidth_gb_per_second",
    "memory_gb",
    "latency_seconds",
)


def entry(reading: Reading) -> dict[str, Any]:
    """A reading with the keys ``KEYS``; None is what the log does not say.

    ``samples`` are their tokens/s, and ``definition`` is the sentence that says what these count.
    """
    result = reading.result
    values = {name: getattr(result, name) for name in (*FIRST, *_REST)}
    values["samples"] = result.sample_speeds
    values["definition"] = str(result.definition) if result.definition else None
    return {"file": _plain(str(reading.path))} | {
        name: _plain(msgspec.to_builtins(value)) for name, value in values.items()
    }


def gave_result(result: Result) -> bool:
    """Whether the log told a measured number."""
    return result.status != "failed" and any(
        (value := getattr(result, name)) is not None and math.isfinite(value) for name in MEASURED
    )


def definitions_of(results: list[Result]) -> dict[str, list[str]]:
    """What the tokens/s of these results count, and the formats that count so."""
    counted: dict[str, list[str]] = {}
    for result in results:
        if result.tokens_per_second is not None and gave_result(result):
            told = str(result.definition) if result.definition else "it does not say what"
            formats = counted.setdefault(told, [])
            if result.format not in formats:
                formats.append(result.format)
    return counted


def _plain(value: Any) -> Any:
    """The value as JSON and UTF-8 can hold it: no nan, no inf, no half of a character."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_plain(str(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value
