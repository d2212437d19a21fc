"""A line of gpt-fast's or of a relative's, whatever logger, rank or unit it was spelt with.

Relatives print the same lines with a logger's prefix, with further fields between the commas, with
another unit (tok/s, tokens/second), without numbers, or two ranks' on one line.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from workshop.record.readers.prefixes import layers

Kind = Literal[
    "arguments",
    "example",
    "device",
    "model",
    "draft model",
    "precision",
    "quantised",
    "draft quantised",
    "parallel",
    "load",
    "no footer",
    "compile",
    "compiled first",
    "rate",
    "sample",
    "first token",
    "prefill",
    "throughput",
    "bandwidth",
    "rule",
    "probs",
    "accepted",
    "batch",
    "prompt",
    "generated",
    "ttft",
    "average",
    "memory",
    "ours",
]

# How each line starts. The search for these is all that most of a log is looked at with.
STARTS: dict[str, Kind] = {
    "Namespace(": "arguments",  # torchao's settings
    "Example:=": "example",
    "Using device": "device",
    "Loading model '": "model",  # litgpt's, with its configuration
    "Loading target model '": "model",
    "Loading draft model '": "draft model",
    "Model was initialized with precision": "precision",  # torchtune's
    "Using int": "quantised",
    "Applying tensor parallel": "parallel",
    "Time to load": "load",
    "Compilation time": "compile",
    "just-in-time compilation time": "compiled first",  # torchchat's, after the first sample
    "Acceptance rate": "rate",  # litgpt's, before a sample
    "Time for inference": "sample",
    "Sample ": "sample",  # torchao's
    "Time to first token": "first token",  # torchchat's, after a sample's first line
    "Total throughput": "throughput",
    "Bandwidth achieved": "bandwidth",
    "==========": "rule",
    "Acceptance probs": "probs",
    "Mean Accepted": "accepted",
    "Batch Size": "batch",
    "Prompt Length": "prompt",
    "Generated tokens": "generated",
    "Average TTFT": "ttft",
    "Average tok": "average",
    "Memory used": "memory",
    "Max memory allocated": "memory",
    "Peak Memory Usage": "memory",
    "First token after": "ours",  # what our own logs say too, and gpt-fast does not
}
_LONGEST = 600  # characters of such a line
_LONGEST_SETTINGS = 8000  # of one that holds all settings or the prompt
_LONG = ("Namespace(", "Loading model '", "Loading target model '", "Loading draft model '")
_LONGEST_PREFIX = 120
_PLAIN_WORDS = 3  # of a logger's prefix: names of programs and of loggers
_START = re.compile("|".join(map(re.escape, STARTS)))
_LOGGED = re.compile(
    r"\[|\b(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL)\b|\d\d:\d\d|\d{4}-\d\d-\d\d|^\s*\d{1,5}:\s*$"
)
_RANK = re.compile(
    r"\[(?:rank ?)?(\d{1,5})\]:?\s|^\s*(\d{1,5}):\s|\brank[ =:]?(\d{1,5})\b"
    r"|\[default(\d{1,5})\]:|[\[@]\d{1,9},(\d{1,5})\](?:<std\w{3,4}>)?:",
    re.I,
)

_NUMBER = r"(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?|nan|inf)"
_SPEED_UNIT = r"\s*(?:tokens?|toks?|t)\s*(?:/|per)\s*(?:seconds?|secs?|s)\.?"
_BYTES_UNIT = r"\s*([KMGT]i?B)"
_SECONDS_UNIT = r"\s*(?:seconds?|secs?|s)\.?"
_CONFIGURED = r"model '[^']{1,400}' with \{'name': '([^']{1,100})', .*"
_FIELDS: dict[Kind, re.Pattern[str]] = {
    "arguments": re.compile(r"Namespace\((.*)\)\s*"),
    "example": re.compile(r"Example:=\s*(\S.{0,99}?)\s*"),
    "device": re.compile(r"Using device\s*[=:]\s*([\w:.-]{1,40})(?:\s.*)?"),
    "model": re.compile(rf"Loading (?:target )?{_CONFIGURED}"),
    "draft model": re.compile(rf"Loading draft {_CONFIGURED}"),
    "precision": re.compile(r"Model was initialized with precision torch\.(\w{1,20})\b.*"),
    "quantised": re.compile(r"Using (int[48]) weight-only quantization!\s*"),
    "parallel": re.compile(r"Applying (tensor parallel) to model \.\.\.\s*"),
    "load": re.compile(
        r"Time to load (?:model|the models?(?P<litgpt> weights))\s*:\s*"
        rf"{_NUMBER}{_SECONDS_UNIT}\s*",
        re.I,
    ),
    "compile": re.compile(rf"Compilation time\s*:\s*{_NUMBER}{_SECONDS_UNIT}\s*", re.I),
    "compiled first": re.compile(
        rf"just-in-time compilation time \(incl run time\)\s*:\s*{_NUMBER}{_SECONDS_UNIT}\s*"
    ),
    "rate": re.compile(rf"Acceptance rate\s*:\s*{_NUMBER}%\s*"),
    "first token": re.compile(
        rf"Time to first token\s*:\s*{_NUMBER}{_SECONDS_UNIT}"
        r"(?: with (?P<prefill>\w{1,20}) prefill\.)?\s*"
    ),
    "throughput": re.compile(rf"Total throughput\s*:\s*{_NUMBER}{_SPEED_UNIT}(?:,.*)?\s*"),
    "bandwidth": re.compile(rf"Bandwidth achieved\s*:\s*{_NUMBER}{_BYTES_UNIT}/s(?:ec)?\.?\s*"),
    "rule": re.compile(r"(=)={9,}\s*"),
    "probs": re.compile(r"Acceptance probs: \[([0-9., e-]*)\]\s*"),
    "accepted": re.compile(rf"Mean Accepted\s*:\s*{_NUMBER}\s*"),
    "batch": re.compile(r"Batch Size\s*:\s*(\d{1,9})\s*"),
    "prompt": re.compile(r"Prompt Length\s*:\s*(\d{1,9})\s*"),
    "generated": re.compile(r"Generated tokens\s*:\s*(\d{1,9})\s*"),
    "ttft": re.compile(rf"Average TTFT\s*:\s*{_NUMBER}{_SECONDS_UNIT}\s*"),
    "average": re.compile(
        r"Average (?:tokens?|toks?)\s*(?:/|per)\s*(?:seconds?|secs?|s)\s*"
        rf"(?:\((?:total|(?P<decode>decode(?: only)?))\))?\s*:\s*{_NUMBER}(?:{_SPEED_UNIT})?\s*",
        re.I,
    ),
    "memory": re.compile(
        r"(?:Memory used|Max memory allocated|Peak Memory Usage)\s*:\s*"
        rf"{_NUMBER}{_BYTES_UNIT}\.?\s*"
    ),
    "ours": re.compile(r"First token (after) [\d.]+ ms, then [\d.]+ ms per token\s*"),
}
_WORDS: set[Kind] = {  # whose value is no number
    "arguments",
    "example",
    "device",
    "model",
    "draft model",
    "precision",
    "quantised",
    "parallel",
    "rule",
    "probs",
    "ours",
}
# What ends in no unit may go on in another process's line: it must be the last of its line.
_OPEN_ENDED = ("accepted", "batch", "prompt", "generated", "average")
_PLAIN_SAMPLE = re.compile(
    r"Time for inference (\d{1,6}): \d+\.\d+ sec total, (\d+\.\d+) tokens/sec\s*"
)
_SAMPLE = re.compile(r"Time for inference(?:\s+(\d{1,6}))?\s*:\s*(\S.*)")
_TORCHAO_SAMPLE = re.compile(
    r"Sample (\d{1,6}) \| overall time \d+\.\d+ s (\d+\.\d+) tokens/sec "
    r"\| prefill time (\d+\.\d+) s decode \d+\.\d+ tokens/sec\s*"
)
_BETWEEN = re.compile(r"(?<=\D),\s*|,\s+|\s{2,}")
# litgpt's chat numbers no answer, and prints no footer after the last.
_CHAT = re.compile(r"\d{1,9} tokens")
CHAT = "chat"
_SECONDS = re.compile(rf"{_NUMBER}\s*(?:seconds?|secs?|s)(?:\s+total)?\.?", re.I)
_SPEED = re.compile(_NUMBER + _SPEED_UNIT, re.I)
_IN_GB = {
    prefix + unit: base**power / 1e9
    for unit, base in (("B", 1000), ("iB", 1024))
    for power, prefix in enumerate("KMGT", start=1)
}


class Said(NamedTuple):
    """What one line says.

    Attributes:
        rank: the process that the line is labelled with, a number or a name (a container, a node);
            None where it is not.
        number: the value, in seconds, tokens/s, GB or GB/s; None where it is nan, inf or no number.
        nth: of a sample, its number in the run; None where the line has none.
        text: what is not a number.
        first: of a sample, its time to the first token.
    """

    kind: Kind
    rank: int | str | None = None
    number: float | None = None
    nth: int | None = None
    text: str = ""
    first: float | None = None


def said(line: str) -> list[Said]:
    """What a line says: mostly one thing or nothing; more if processes wrote on one line."""
    if len(line) > _LONGEST and not (line.startswith(_LONG) and len(line) <= _LONGEST_SETTINGS):
        return []
    if _START.match(line) and (one := _one(line, None, last=True)) is not None:
        # Most lines: no prefix, and one process. Only a logger prints the precision.
        return [one] if one.kind != "precision" else []
    starts = [match.start() for match in _START.finditer(line)]
    prefix = line[: starts[0]] if starts else ""
    name, left = layers(prefix) if prefix.strip() else ("", [prefix])
    is_known = not left[-1].strip()
    if not starts or not (is_known or _is_loggers(prefix)):
        return []
    rank = _rank(prefix)
    if rank is None and is_known and name:
        rank = name
    ends = [*starts[1:], len(line)]
    heard = [
        _one(line[start:end], rank, end == len(line))
        for start, end in zip(starts, ends, strict=True)
    ]
    return [one for one in heard if one is not None]


def _is_loggers(text: str) -> bool:
    """Whether an unknown logger or launcher can have put this before a line; no sentence has."""
    return (
        len(text) <= _LONGEST_PREFIX
        and not text[-1].isalnum()
        and _LOGGED.search(text) is not None
        and sum(word.isalpha() for word in text.split()) <= _PLAIN_WORDS
    )


def _rank(prefix: str) -> int | str | None:
    match = _RANK.search(prefix)
    return int(next(group for group in match.groups() if group)) if match else None


def _one(text: str, rank: int | str | None, last: bool) -> Said | None:
    start = _START.match(text)
    kind = STARTS[start[0]] if start else None
    if kind is None or (kind in _OPEN_ENDED and not last):
        return None
    if kind == "sample":
        return _sample(text, rank)
    match = _FIELDS[kind].fullmatch(text)
    if match is None:
        return None
    if kind in _WORDS:
        return Said(kind, rank, text=match[1])
    if kind == "average":
        return Said(kind, rank, number(match[2]), text="decode" if match["decode"] else "")
    if kind == "load":
        return Said(kind, rank, number(match[2]), text="litgpt" if match["litgpt"] else "")
    value = number(match[1])
    if kind in ("bandwidth", "memory") and value is not None:
        value *= _IN_GB[match[2]]
    prefill = match["prefill"] or "" if kind == "first token" else ""
    return Said(kind, rank, value, text=prefill)


def _sample(text: str, rank: int | str | None) -> Said | None:
    """``Time for inference 1: 5.41 sec total, 36.98 tokens/sec``, in any of its spellings."""
    if plain := _PLAIN_SAMPLE.fullmatch(text):
        return Said("sample", rank, number(plain[2]), int(plain[1]))
    if torchao := _TORCHAO_SAMPLE.fullmatch(text):
        first = number(torchao[3])
        return Said("sample", rank, number(torchao[2]), int(torchao[1]), first=first)
    match = _SAMPLE.fullmatch(text)
    if match is None or _START.search(match[2]):
        return None
    fields = [part.strip() for part in _BETWEEN.split(match[2])]
    speeds = [found[1] for part in fields if (found := _SPEED.fullmatch(part))]
    if len(speeds) > 1 or not any(_SECONDS.fullmatch(part) for part in fields):
        return None
    nth = int(match[1]) if match[1] else None
    chats = nth is None and any(_CHAT.fullmatch(part) for part in fields)
    speed = number(speeds[0]) if speeds else None
    return Said("sample", rank, speed, nth, text=CHAT if chats else "")


def number(text: str) -> float | None:
    """A number that something measured, or None: not nan, not inf, not out of all proportion."""
    value = float(text.replace(",", ""))
    return value if 0 <= value < 1e12 else None
