"""The summary of MLPerf's LoadGen, ``mlperf_log_summary.txt``, in the form for language models.

It counts tokens only with ``use_token_latencies``. Offline and Server name them differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from workshop.record.readers.serving_block import SERVED
from workshop.record.readers.settings_values import LONGEST_VALUE, if_set
from workshop.record.readers.source_settings import RATE, plain_name
from workshop.record.readers.units import capped, labelled, positive, seconds
from workshop.record.results import Condition, Result

NAME = "mlperf"
ANCHORS = (b"MLPerf Results Summary",)
NEEDLES = (b"MLPerf Results Summary", b": ", b"Test Parameters Used", b" encountered")

_FIELD = re.compile(r"([A-Za-z0-9][\w .()-]{1,60}?) *: *(\S[^\n]*?)\s*", re.ASCII)
_PERCENTILE = re.compile(r"(\d{1,3}\.\d{2}) percentile latency \(ns\)", re.ASCII)
_UNIT = re.compile(r" \((\w+)\)$", re.ASCII)
_ENDED = re.compile(r"(?:No errors|\d+ ERRORS?) encountered.*", re.ASCII)
_SPEEDS = ("Tokens per second", "Completed tokens per second")
_NO_SETTINGS = ("_seed", "print_timestamps")
_MOST_FIELDS = 200


@dataclass
class _Summary:
    """What a summary has told so far: its results, the parameters of its test, where it stands."""

    fields: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    in_parameters: bool = False
    ended: bool = False

    def take(self, name: str, value: str) -> None:
        into = self.parameters if self.in_parameters else self.fields
        if len(into) < _MOST_FIELDS:
            into.setdefault(name, value)


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """A run for each summary in these lines."""
    found = (summary for summary in _summaries(lines) if "Scenario" in summary.fields)
    return capped(_run(summary) for summary in found)


def _summaries(lines: Iterable[str]) -> Iterator[_Summary]:
    summary: _Summary | None = None
    for _, line in labelled(lines):
        if line.strip() == "MLPerf Results Summary":
            if summary is not None:
                yield summary
            summary = _Summary()
        elif summary is None or summary.ended:
            continue
        elif line.strip() == "Test Parameters Used":
            summary.in_parameters = True
        elif _ENDED.fullmatch(line):
            summary.ended = True
        elif match := _FIELD.fullmatch(line):
            summary.take(match[1], match[2])
    if summary is not None:
        yield summary


def _run(summary: _Summary) -> Result:
    fields = summary.fields
    if not summary.ended and not summary.in_parameters:
        fields = dict(list(fields.items())[:-1])  # maybe cut off in the middle of its number
    speed = next((found for name in _SPEEDS if (found := positive(fields.get(name)))), None)
    verdict = fields.get("Result is")
    return Result(
        None,
        "ok" if speed is not None and summary.ended else "incomplete",
        reason=_reason(speed, summary.ended, fields),
        format=NAME,
        definition=SERVED,
        tokens_per_second=speed,
        ttft_seconds=seconds(fields.get("Mean First Token latency (ns)"), "ns"),
        tpot_seconds=seconds(fields.get("Mean Time per Output Token (ns)"), "ns"),
        latency_seconds=seconds(fields.get("Mean latency (ns)"), "ns"),
        latency_percentiles=_percentiles(fields),
        conditions=_conditions(summary),
        warnings=["Result is : INVALID"] if verdict == "INVALID" else [],
    )


def _reason(speed: float | None, ended: bool, fields: dict[str, str]) -> str | None:
    if not ended:
        return "the summary is cut off"
    if speed is not None:
        return None
    if any(name in fields for name in _SPEEDS):
        return "its tokens per second are not a number"
    return "it counts samples, not tokens: LoadGen counts tokens with use_token_latencies"


def _percentiles(fields: dict[str, str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in fields.items():
        match = _PERCENTILE.fullmatch(name)
        took = seconds(value, "ns")
        if match is not None and took is not None:
            found[f"{float(match[1]):g}"] = took
    return found


def _name(parameter: str) -> str:
    if parameter == "target_qps":
        return RATE
    return plain_name(_UNIT.sub(r", \1", parameter))


def _conditions(summary: _Summary) -> dict[str, Condition]:
    named = {
        "scenario": summary.fields.get("Scenario"),
        "mode": summary.fields.get("Mode"),
        "system under test": summary.fields.get("SUT name"),
    }
    parameters = {
        _name(name): value
        for name, value in list(summary.parameters.items())[: None if summary.ended else -1]
        if not name.endswith(_NO_SETTINGS) and len(name) <= LONGEST_VALUE
    }
    found = {name: if_set(value) for name, value in {**named, **parameters}.items()}
    return {name: value for name, value in found.items() if value is not None}
