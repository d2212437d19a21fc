"""The report that ``trtllm-bench`` prints: sections with headings, and a value a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from workshop.record.readers.acceptance import acceptance
from workshop.record.readers.serving_block import SERVED
from workshop.record.readers.settings_values import if_set
from workshop.record.readers.tensorrt_llm_json import FORMAT
from workshop.record.readers.units import LABELS, capped, labelled, number, positive, seconds, words
from workshop.record.results import Condition, Result

NAME = FORMAT
ANCHORS = (b"Total Output Throughput (tokens/sec):",)
NEEDLES = (
    b"= ENGINE DETAILS",
    b"= PYTORCH BACKEND",
    b"= REQUEST DETAILS",
    b"= PERFORMANCE OVERVIEW",
    b":\t",
    b" Size: ",
    b"Max Runtime ",
    b"Scheduling Policy: ",
    b"KV Memory ",
    b"Number of requests: ",
    b"Length (tokens): ",
    b" (tokens/sec): ",
    b" (ms): ",
    b"[Latency] ",
    b"[AL] AVERAGE",
    b"[DAR] AVERAGE",
    b", memory ",
)

_FIELD = re.compile(r"([A-Za-z\[][\w \[\]()/-]{1,60}?) *:[ \t]+(\S[^\n]{0,200}?)\s*", re.ASCII)
_MACHINE = re.compile(r"(.{1,100}), memory [\d.]+ GB, (?:[\d.]+ GHz|N/A)\s*")
_SPEED = "Total Output Throughput (tokens/sec)"
_STARTS = ("= ENGINE DETAILS", "= PYTORCH BACKEND")
_MOST_FIELDS = 200
_PERCENTILES = ("50", "90", "95", "99")
_SETTINGS = {
    "KV Cache Dtype": "KV cache type",
    "Quantization": "quantization",
    "Max Input Length": "longest prompt, tokens",
    "Max Sequence Length": "context length",
    "TP Size": "tensor parallel size",
    "PP Size": "pipeline parallel size",
    "EP Size": "expert parallel size",
    "Max Runtime Batch Size": "most sequences in a batch",
    "Max Runtime Tokens": "most tokens in a batch",
    "Scheduling Policy": "scheduling",
    "KV Memory Percentage": "share of GPU memory",
    "Number of requests": "requests",
    "Average Input Length (tokens)": "input tokens",
}


@dataclass
class _Report:
    """What a report has told so far.

    Attributes:
        backend: what its heading says; None of a report whose beginning is missing.
        last: the field that was read last, which may be cut off.
    """

    backend: str | None = None
    device: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    last: str | None = None


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """A run for each report in these lines."""
    return capped(_runs(lines))


def _runs(lines: Iterable[str]) -> Iterator[Result]:
    reports: dict[str, _Report] = {}
    for label, line in labelled(lines):
        if label not in reports and len(reports) >= LABELS:
            continue
        report = reports.setdefault(label, _Report())
        heading = line.strip()
        if heading in _STARTS or (heading == "= REQUEST DETAILS" and _SPEED in report.fields):
            yield from _run(report, ended=True)
            backend = {"= ENGINE DETAILS": "TRT", "= PYTORCH BACKEND": "Pytorch"}.get(heading)
            reports[label] = _Report(backend)
        elif match := _MACHINE.fullmatch(line):
            report.device = words(match[1])
        elif (match := _FIELD.fullmatch(line)) and len(report.fields) < _MOST_FIELDS:
            report.last = match[1]
            report.fields.setdefault(match[1], match[2])
    for report in reports.values():
        yield from _run(report, ended=False)


def _run(report: _Report, ended: bool) -> Iterator[Result]:
    """The report's run; none without the speed's line."""
    fields = report.fields
    if _SPEED not in fields:
        return
    if not ended and report.last is not None:
        fields = {name: value for name, value in fields.items() if name != report.last}
        if report.last.startswith(("[Latency]", "[AL]")):
            fields = report.fields  # the report's last part
    speed = positive(fields.get(_SPEED))
    rate = number(fields.get("[DAR] AVERAGE"))
    accepted = acceptance(
        length=fields.get("[AL] AVERAGE"), percent=None if rate is None else 100 * rate
    )
    yield Result(
        None,
        "ok" if speed is not None else "incomplete",
        reason=None if speed is not None else "its output throughput is cut off or not a number",
        format=NAME,
        definition=SERVED,
        tokens_per_second=speed,
        ttft_seconds=seconds(fields.get("Average time-to-first-token [TTFT] (ms)"), "ms"),
        tpot_seconds=seconds(fields.get("Average time-per-output-token [TPOT] (ms)"), "ms"),
        latency_seconds=seconds(fields.get("Average request latency (ms)"), "ms"),
        latency_percentiles=_percentiles(fields),
        mean_accepted=accepted.mean_accepted,
        acceptance_rate=accepted.acceptance_rate,
        model=words(fields.get("Model")),
        dtype=words(fields.get("Dtype")),
        device=report.device,
        conditions=_conditions(report.backend, fields),
    )


def _percentiles(fields: dict[str, str]) -> dict[str, float]:
    found = {name: seconds(fields.get(f"[Latency] P{name}"), "ms") for name in _PERCENTILES}
    return {name: took for name, took in found.items() if took is not None}


def _conditions(backend: str | None, fields: dict[str, str]) -> dict[str, Condition]:
    found = {name: if_set(fields.get(key)) for key, name in _SETTINGS.items()}
    share = number(fields.get("KV Memory Percentage", "").removesuffix("%"))
    found["share of GPU memory"] = None if share is None else share / 100
    # Where every request made as many tokens, that was asked for.
    length = number(fields.get("Average Output Length (tokens)"))
    found["output tokens"] = int(length) if length and length.is_integer() else None
    found["backend"] = backend
    return {name: value for name, value in found.items() if value is not None}
