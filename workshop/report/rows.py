"""The table of a report: cells as people read them, with what a browser sorts them by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workshop.analysis.table import factor, number, scaled, speed
from workshop.record.results import Quality, Reference, Result
from workshop.report.runs import Run, base_of, baseline_of, status
from workshop.report.text import shown

NONE = "–"
COLUMNS = (
    "Stage",
    "Status",
    "Speed, tokens/s",
    "Against baseline",
    "Against the stage it builds on",
    "TTFT, ms",
    "TPOT, ms",
    "Memory, MB",
    "Bandwidth, GB/s",
    "MBU, %",
    "Compile, s",
    "Perplexity (unquantised)",
    "Same top token, %",
    "Samples",
)


@dataclass(frozen=True)
class Cell:
    """A cell; ``value`` is what it is sorted by, None goes last."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Row:
    """A run's row; ``order`` is its place in the progression."""

    label: str
    file: str
    status: str
    order: int
    cells: list[Cell]


def rows(runs: Sequence[Run]) -> list[Row]:
    """A row for each run, and one for what was measured beside it."""
    results = [run.result for run in runs]
    made: list[Row] = []
    for run in runs:
        result = run.result
        label, file = shown(run.name), shown(run.file)
        cells = _cells(result, baseline_of(result, results), base_of(result, results))
        made.append(Row(label, file, status(result), len(made), cells))
        if result.reference:
            cells = _reference_cells(result.reference, result)
            beside = shown(result.reference.label)
            made.append(Row(beside, file, f"measured beside {label}", len(made), cells))
    return made


def _cells(result: Result, baseline: Result | None, base: Result | None) -> list[Cell]:
    told = _ratio(result, base)
    if base is not None and told.value is not None:
        told = Cell(f"{told.text} {base.label}", told.value)
    return [
        _speed(result.tokens_per_second, result.tokens_per_second_std),
        _ratio(result, baseline),
        told,
        _cell(scaled(result.ttft_seconds, 1e3)),
        _cell(scaled(result.tpot_seconds, 1e3)),
        _cell(scaled(result.memory_gb, 1e3)),
        _cell(result.bandwidth_gb_per_second),
        _cell(scaled(result.mbu, 100)),
        _cell(result.compile_seconds),
        *_quality_cells(result.quality),
        _count(len(result.sample_speeds)),
    ]


def _reference_cells(reference: Reference, beside: Result) -> list[Cell]:
    ratio = Cell(NONE)
    if beside.tokens_per_second:
        value = reference.tokens_per_second / beside.tokens_per_second
        ratio = Cell(f"{value:.2f}x", value)
    told = _speed(reference.tokens_per_second, reference.tokens_per_second_std)
    return [told, ratio, *([Cell(NONE)] * 9), _count(len(reference.samples))]


def _quality_cells(quality: Quality | None) -> list[Cell]:
    if quality is None:
        return [Cell(NONE), Cell(NONE)]
    beside = f"{quality.perplexity:.4g} ({quality.reference_perplexity:.4g})"
    return [Cell(beside, quality.perplexity), _cell(quality.agreement * 100)]


def _speed(value: float | None, std: float | None) -> Cell:
    return Cell(NONE) if value is None else Cell(speed(value, std), value)


def _ratio(result: Result, against: Result | None) -> Cell:
    if against is None or result.tokens_per_second is None or not against.tokens_per_second:
        return Cell(NONE)
    value = result.tokens_per_second / against.tokens_per_second
    return Cell(factor(result, against), value)


def _cell(value: float | None) -> Cell:
    return Cell(NONE) if value is None else Cell(number(value), value)


def _count(samples: int) -> Cell:
    return Cell(str(samples), samples) if samples else Cell(NONE)
