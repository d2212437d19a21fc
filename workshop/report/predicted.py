"""What the machines of these runs should do, beside what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workshop.analysis.predicted import held
from workshop.analysis.table import number
from workshop.record.results import Result
from workshop.report.rows import Cell, Row
from workshop.report.runs import Run, status
from workshop.report.text import shown
from workshop.roofline.against import Comparison

PREDICTED = (
    "Stage",
    "Status",
    "Measured, tokens/s",
    "Expected",
    "Measured over expected",
    "Ideal",
    "Measured over ideal, %",
)


@dataclass(frozen=True)
class Foretold:
    """A run beside its prediction, in a sentence or two."""

    found: Comparison
    sentence: str


def prediction(result: Result) -> Foretold | str:
    """What a run's machine should do, what came of it and why; or why that cannot be said."""
    if result.tokens_per_second is None and result.tpot_seconds is None:
        return "the run has no tokens/s"
    found = held(result)
    if isinstance(found, str):
        return found
    return Foretold(
        found,
        f"{number(found.expected)} tokens/s expected, {number(found.ideal)} ideal. Measured: "
        f"{number(found.measured)}, which is {found.against_expected:.2f} of expected and "
        f"{number(100 * found.against_ideal)} % of ideal. {found.cause}",
    )


def foretold(runs: Sequence[Run]) -> list[Row]:
    """A row for each run of which something is predicted."""
    made: list[Row] = []
    for run in runs:
        one = prediction(run.result)
        if isinstance(one, Foretold):
            label, file = shown(run.name), shown(run.file)
            made.append(Row(label, file, status(run.result), len(made), _cells(one.found)))
    return made


def _cells(found: Comparison) -> list[Cell]:
    values = (
        found.measured,
        found.expected,
        found.against_expected,
        found.ideal,
        100 * found.against_ideal,
    )
    return [Cell(number(value), value) for value in values]
