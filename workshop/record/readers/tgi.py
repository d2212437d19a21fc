"""What text-generation-benchmark prints: parameters, latencies, throughputs, a row a batch size.

Its tables are printed with equal neighbours in a column merged into one: an empty cell means the
same as the one above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from workshop.record.readers.units import LONGEST, RUNS, capped, count, positive, seconds, words
from workshop.record.results import Definition, Result

NAME = "text-generation-inference"
ANCHORS = (b"| Batch Size |",)  # of both tables; the parameters stand right before them
NEEDLES = (
    b"| Parameter ",
    b"| Model ",
    b"| Sequence Length ",
    b"| Decode Length ",
    b"| Step ",
    b" ms |",
    b" ms  ",
    b" tokens/secs",
)

DECODE_OF_BATCH = Definition("new", "decode", "batch")

_LATENCIES = ["Step", "Batch Size", "Average", "Lowest", "Highest", "p50", "p90", "p99"]
_THROUGHPUTS = ["Step", "Batch Size", "Average", "Lowest", "Highest"]
_PARAMETERS = ("Model", "Sequence Length", "Decode Length")
_VALUE = re.compile(r"(\S+) (ms|tokens/secs)")

Table = Literal["parameters", "latencies", "throughputs"]


@dataclass
class _Benchmark:
    """What one call of the benchmark has printed so far.

    Attributes:
        above: the last row of the table that is being read, without empty cells; none if that
            row could not be read.
        averages: of each batch size, by step; what is no number is there as None.
        has: the tables that were begun.
    """

    table: Table | None = None
    above: list[str] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)
    averages: dict[int, dict[str, float | None]] = field(default_factory=dict)
    has: set[Table] = field(default_factory=set)


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """A run for each batch size of each benchmark in these lines."""
    return capped(run for benchmark in _benchmarks(lines) for run in _runs(benchmark))


def _benchmarks(lines: Iterable[str]) -> Iterator[_Benchmark]:
    benchmark = _Benchmark()
    for line in lines:
        if len(line) > LONGEST or not line.startswith("| "):
            continue
        cells = [cell.strip() for cell in line.rstrip().split("|")[1:]]
        if cells.pop():  # a row that is cut off
            cells = []
        table = _header(cells)
        if table is None:
            _row(benchmark, cells)
            continue
        if table in benchmark.has or (table == "parameters" and benchmark.has):
            yield benchmark
            benchmark = _Benchmark()
        benchmark.table, benchmark.above = table, []
        benchmark.has.add(table)
    yield benchmark


def _header(cells: list[str]) -> Table | None:
    if cells == ["Parameter", "Value"]:
        return "parameters"
    if cells == _LATENCIES:
        return "latencies"
    return "throughputs" if cells == _THROUGHPUTS else None


def _row(benchmark: _Benchmark, cells: list[str]) -> None:
    if benchmark.table == "parameters":
        _parameter(benchmark, cells)
    elif benchmark.table is not None:
        _average(benchmark, cells)


def _parameter(benchmark: _Benchmark, cells: list[str]) -> None:
    if len(cells) != 2 or cells[0] not in _PARAMETERS:
        return
    name, value = cells
    # Of the rows that are looked at, only these two are neighbours.
    if not value and name == "Decode Length":
        value = benchmark.parameters.get("Sequence Length", "")
    benchmark.parameters.setdefault(name, value)


def _average(benchmark: _Benchmark, cells: list[str]) -> None:
    """Take the average of a row; the rest of the row is about the same samples."""
    columns = _LATENCIES if benchmark.table == "latencies" else _THROUGHPUTS
    above, benchmark.above = benchmark.above, []
    if len(cells) != len(columns) or not (above or all(cells)):
        return
    if above:
        cells = [cell or merged for cell, merged in zip(cells, above, strict=True)]
    benchmark.above = cells
    match, batch = _VALUE.fullmatch(cells[2]), count(cells[1])
    expected = "ms" if benchmark.table == "latencies" else "tokens/secs"
    if not batch or (batch not in benchmark.averages and len(benchmark.averages) > RUNS):
        return
    averages = benchmark.averages.setdefault(batch, {})
    if match is not None and match[2] == expected:
        value = seconds(match[1], "ms") if expected == "ms" else positive(match[1])
        averages.setdefault(f"{cells[0]} {benchmark.table}", value)


def _runs(benchmark: _Benchmark) -> Iterator[Result]:
    for batch, averages in benchmark.averages.items():
        speed = averages.get("Decode throughputs")
        yield Result(
            None,
            "ok" if speed is not None else "incomplete",
            reason=None if speed is not None else _why_no_speed(averages),
            format=NAME,
            tokens_per_second=speed,
            ttft_seconds=averages.get("Prefill latencies"),
            tpot_seconds=averages.get("Decode (token) latencies"),
            definition=DECODE_OF_BATCH,
            batch_size=batch,
            prompt_tokens=count(benchmark.parameters.get("Sequence Length")),
            new_tokens=count(benchmark.parameters.get("Decode Length")),
            model=words(benchmark.parameters.get("Model")),
        )


def _why_no_speed(averages: dict[str, float | None]) -> str:
    if "Decode throughputs" in averages:
        return "its decode throughput is not a number"
    return "the tables are cut off: there is no decode throughput for this batch size"
