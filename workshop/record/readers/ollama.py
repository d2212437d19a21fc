"""What ``ollama run --verbose`` prints after each answer: counts, durations and rates.

Its eval rate is that of the new tokens alone; the prompt's has a line of its own before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from workshop.record.readers.units import LABELS, capped, count, labelled, number, positive
from workshop.record.results import Result

NAME = "ollama"
ANCHORS = (b" token(s)",)
NEEDLES = (b" token(s)", b"duration: ", b"eval rate: ")

_COUNT = re.compile(r"(prompt eval count|eval count): +(\d{1,12}) token\(s\)\s*", re.ASCII)
_DURATION = re.compile(
    r"(total duration|load duration|prompt eval duration|eval duration): +([\dhmsnuµμ.]{2,40})\s*",
    re.ASCII,
)
_RATE = re.compile(r"(prompt eval rate|eval rate): +(\S{1,40}) tokens/s\s*", re.ASCII)
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(h|ms|m|s|us|µs|μs|ns)", re.ASCII)
_IN_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "ns": 1e-9} | dict.fromkeys(
    ("us", "µs", "μs"), 1e-6
)
_ORDER = (
    "total duration", "load duration", "prompt eval count", "prompt eval duration",
    "prompt eval rate", "eval count", "eval duration", "eval rate",
)  # fmt: skip


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """A run for each answer whose numbers are in these lines."""
    return capped(_runs(lines))


def _runs(lines: Iterable[str]) -> Iterator[Result]:
    open_answers: dict[str, dict[str, str]] = {}
    for label, line in labelled(lines):
        match = _COUNT.fullmatch(line) or _DURATION.fullmatch(line) or _RATE.fullmatch(line)
        if match is None or (label not in open_answers and len(open_answers) >= LABELS):
            continue
        fields = open_answers.setdefault(label, {})
        if fields and _place(match[1]) <= _place(next(reversed(fields))):
            yield from _cut_off(fields)
            fields.clear()
        fields[match[1]] = match[2]
        if match[1] == "eval rate":
            yield from _answers(fields)
            fields.clear()
    for fields in open_answers.values():
        yield from _cut_off(fields)


def _place(name: str) -> int:
    return _ORDER.index(name)


def _answers(fields: dict[str, str]) -> Iterator[Result]:
    """The run of an answer; a rate without a number of tokens is another program's."""
    if "eval count" not in fields:
        return
    speed = positive(fields.get("eval rate"))
    yield Result(
        None,
        "ok" if speed is not None else "incomplete",
        reason=None if speed is not None else "its eval rate is not a number",
        format=NAME,
        tokens_per_second=speed,
        ttft_seconds=go_duration(fields.get("prompt eval duration")),
        load_seconds=go_duration(fields.get("load duration")),
        latency_seconds=go_duration(fields.get("total duration")),
        prompt_tokens=count(fields.get("prompt eval count")),
        new_tokens=count(fields.get("eval count")),
    )


def _cut_off(fields: dict[str, str]) -> Iterator[Result]:
    for run in _answers(fields):
        yield replace(run, status="incomplete", reason="its numbers are cut off: no eval rate")


def go_duration(text: str | None) -> float | None:
    """Seconds of a duration as Go writes it, ``1m2.5s``; None for 0 and for no duration."""
    if text is None or not re.fullmatch(rf"(?:{_PART.pattern})+", text, re.ASCII):
        return None
    parts = [(number(amount), _IN_SECONDS[unit]) for amount, unit in _PART.findall(text)]
    return positive(sum((amount or 0.0) * unit for amount, unit in parts))
