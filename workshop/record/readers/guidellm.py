"""The tables that GuideLLM prints: a row a benchmark, and headers of three rows.

A header cell that spans several columns is followed by as many bars without anything between.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from workshop.record.readers.serving_block import NO_REQUEST, SERVED
from workshop.record.readers.settings_values import if_set
from workshop.record.readers.source_settings import RATE
from workshop.record.readers.units import RUNS, capped, count, labelled, positive, seconds, words
from workshop.record.results import Condition, Result
from workshop.util.text import one_line

NAME = "guidellm"
ANCHORS = (b"Server Throughput Statistics",)
NEEDLES = (b"Run Summary Info", b" Statistics (", b"| ", b" validated with model ")

SUMMARY, LATENCY, THROUGHPUT = (
    "Run Summary Info", "Request Latency Statistics", "Server Throughput Statistics",
)  # fmt: skip
_TITLE = re.compile(r"(?:\S{1,4} )?((?:\w+ ){2,3}(?:Info|Statistics))(?: \([\w ]+\))?\s*")
_MODEL = re.compile(r".{0,80} validated with model (\S+)\s*")
_NUMBER = re.compile(r"([\d.]+)\*?(?: ± [\d.]+\*?)?", re.ASCII)
_STRATEGY = re.compile(r"(\w{1,40})(?:@([\d.]{1,20}))?", re.ASCII)
_HEADER_ROWS = 3

Column = tuple[str, ...]
Row = dict[Column, str]


@dataclass
class _Report:
    """What one report has shown so far: the rows of each table, in its order."""

    model: str | None = None
    tables: dict[str, list[Row]] = field(default_factory=dict)


@dataclass
class _Table:
    """The table that is being read: its rows, and its header as far as it was read."""

    rows: list[Row]
    header: list[list[str]] = field(default_factory=list)


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """A run for each benchmark of each report; a report that is printed twice counts once."""
    found: list[Result] = []
    last: list[Result] = []
    for report in _reports(lines):
        runs = list(_runs(report))
        if runs and runs != last:
            found += runs
            last = runs
        if len(found) > RUNS:
            break
    return capped(found)


def strategy_conditions(kind: object, rate: object) -> dict[str, Condition]:
    """How GuideLLM sent its requests: side by side, one by one, or at a rate."""
    found: dict[str, Condition] = {}
    if isinstance(kind, str) and kind:
        found["profile"] = one_line(kind, 40)
    sent = if_set(rate)
    return found if sent is None else found | {RATE: sent}


def _reports(lines: Iterable[str]) -> Iterator[_Report]:
    report = _Report()
    table: _Table | None = None
    for _, line in labelled(lines):
        if match := _MODEL.fullmatch(line):
            report.model = words(match[1])
        elif match := _TITLE.fullmatch(line):
            if match[1] == SUMMARY and report.tables:
                yield report
                report = _Report(report.model)
            table = _Table(report.tables.setdefault(match[1], []))
        elif table is not None and line.startswith("| "):
            _row(table, line)
    if report.tables:
        yield report


def _row(table: _Table, line: str) -> None:
    cells = line.rstrip().split("|")[1:]
    if cells.pop():  # a row that is cut off
        return
    if cells[0].strip() == "Benchmark":
        table.header = []  # of a further part of the same table
    if len(table.header) < _HEADER_ROWS:
        table.header.append(_spread(cells))
        return
    names = zip(*table.header, strict=False)
    values = [cell.strip() for cell in cells]
    if len(cells) == len(table.header[0]) and len(table.rows) < RUNS:
        table.rows.append(dict(zip(names, values, strict=False)))


def _spread(cells: list[str]) -> list[str]:
    """A row of a header, with what spans several columns in each of them."""
    found: list[str] = []
    for cell in cells:
        found.append(cell.strip() if cell or not found else found[-1])
    return found


def _runs(report: _Report) -> Iterator[Result]:
    latencies = report.tables.get(LATENCY, [])
    summaries = report.tables.get(SUMMARY, [])
    for place, row in enumerate(report.tables.get(THROUGHPUT, [])):
        strategy = next(iter(row.values()), "")
        yield _run(
            report.model,
            strategy,
            row,
            _same(latencies, place, strategy),
            _same(summaries, place, strategy),
        )


def _same(rows: list[Row], place: int, strategy: str) -> Row:
    """The row of another table that is about the same benchmark."""
    row = rows[place] if place < len(rows) else {}
    return row if next(iter(row.values()), None) == strategy else {}


def _run(model: str | None, strategy: str, throughput: Row, latency: Row, summary: Row) -> Result:
    match = _STRATEGY.fullmatch(strategy)
    kind, rate = (match[1], match[2]) if match else (None, None)
    completed = count(_value(summary, "Requests", "Comp", "Tot"))
    failed = count(_value(summary, "Requests", "Err", "Tot"))
    speed = positive(_value(throughput, "Output Tokens", "Per Sec", "Mean"))
    none = completed == 0
    why = None if speed is not None else "there is no output token throughput"
    return Result(
        None,
        "failed" if none else "incomplete" if why else "ok",
        reason=NO_REQUEST if none else why,
        format=NAME,
        definition=SERVED,
        model=model,
        tokens_per_second=None if none else speed,
        ttft_seconds=seconds(_value(latency, "TTFT", "ms", "Mean"), "ms"),
        tpot_seconds=seconds(_value(latency, "ITL", "ms", "Mean"), "ms"),
        latency_seconds=seconds(_value(latency, "Request Latency", "Sec", "Mean")),
        concurrency=_concurrency(kind, rate),
        conditions=strategy_conditions(kind, None if kind == "concurrent" else rate),
        warnings=[f"{failed} of its requests failed"] if failed and not none else [],
    )


def _value(row: Row, *column: str) -> str | None:
    match = _NUMBER.fullmatch(row.get(column, ""))
    return match[1] if match else None


def _concurrency(kind: str | None, rate: str | None) -> int | None:
    if kind == "synchronous":
        return 1
    return count(rate) or None if kind == "concurrent" else None
