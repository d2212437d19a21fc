"""Results to what a page shows: every text ready to be read, nothing yet of HTML."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workshop import __version__
from workshop.analysis.explain import quality_cost, why
from workshop.analysis.table import number
from workshop.record.readers.html import embedded
from workshop.record.results import Result
from workshop.report.facts import Fact, listed, split
from workshop.report.outputs import Outputs, agreement, outputs
from workshop.report.predicted import PREDICTED, Foretold, foretold, prediction
from workshop.report.rows import COLUMNS, Row, rows
from workshop.report.runs import Group, Run, base_of, groups, status
from workshop.report.text import shown
from workshop.stages import STAGES
from workshop.stages.stage import SYMBOLS, Expectation

NEXT_STEP = "Read the end of its log."


@dataclass(frozen=True)
class Drawing:
    """A figure, drawn for light and for dark.

    Attributes:
        alternative: what it shows, for who does not see it.
        problem: why there is no drawing; '' where there is one.
    """

    title: str
    alternative: str
    light: str = ""
    dark: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Section:
    """What is told of one stage, or of one with an option changed.

    Attributes:
        predicted: what its machine should do, beside what came, and the likeliest cause of the gap.
        unpredicted: why nothing is predicted; '' where something is.
    """

    anchor: str
    label: str
    change: str
    against: str
    expected: Expectation | None
    predicted: list[str]
    unpredicted: str
    came: list[str]
    outputs: Outputs
    agreement: list[str]


@dataclass(frozen=True)
class Failure:
    """A run without all of its numbers, why, and what to do."""

    label: str
    file: str
    status: str
    reason: str
    next_step: str


@dataclass(frozen=True)
class Setup:
    """What is known of one run alone."""

    label: str
    file: str
    facts: list[Fact]


@dataclass(frozen=True)
class View:
    """A whole report."""

    title: str
    version: str
    written: datetime.datetime
    summary: list[Fact]
    drawings: list[Drawing]
    columns: tuple[str, ...]
    rows: list[Row]
    predicted_columns: tuple[str, ...]
    predicted: list[Row]
    counted: str
    cautions: list[str]
    symbols: str
    sections: list[Section]
    failures: list[Failure]
    shared: list[Fact]
    setups: list[Setup]
    records: str


def view(
    runs: Sequence[Run],
    drawings: Sequence[Drawing],
    cautions: Sequence[str],
    written: datetime.datetime,
) -> View:
    """The report of these runs, in the stages' order.

    Args:
        cautions: what keeps the runs from being compared, a sentence each.
    """
    grouped = groups(runs)
    ordered = [run for group in grouped for run in group.runs]
    results = [run.result for run in ordered]
    shared, own = split(results)
    return View(
        title="Where the tokens per second come from",
        version=__version__,
        written=written,
        summary=_summary(results),
        drawings=list(drawings),
        columns=COLUMNS,
        rows=rows(ordered),
        predicted_columns=PREDICTED,
        predicted=foretold(ordered),
        counted=listed([r.definition for r in results if r.tokens_per_second is not None]),
        cautions=[*map(_capital, map(shown, cautions)), *_warnings(ordered)],
        symbols=SYMBOLS,
        sections=[_section(place, group, results) for place, group in enumerate(grouped, 1)],
        failures=[_failure(run) for run in ordered if run.result.status != "ok"],
        shared=shared,
        setups=[
            Setup(shown(run.name), shown(run.file), facts)
            for run, facts in zip(ordered, own, strict=True)
        ],
        records=embedded(run.result for run in runs),
    )


def _summary(results: Sequence[Result]) -> list[Fact]:
    """Who, when, where."""
    days = sorted({shown(result.started[:10]) for result in results if result.started})
    found = [
        Fact("Who", listed([result.user for result in results])),
        Fact("When", " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""),
        Fact("Where", listed([result.host for result in results])),
        Fact("On", listed([result.device for result in results])),
        Fact("Model", listed([result.model for result in results])),
    ]
    return [fact for fact in found if fact.value]


def _section(place: int, group: Group, results: Sequence[Result]) -> Section:
    first = group.results[0]
    stage = STAGES.get(first.stage or "")
    bases = [base_of(result, results) for result in group.results]
    predictions = [prediction(result) for result in group.results]
    told = [one.sentence for one in predictions if isinstance(one, Foretold)]
    why_not = [one for one in predictions if isinstance(one, str)]
    return Section(
        anchor=f"stage-{place}",
        label=group.label,
        change=shown(first.change or (stage.summary if stage else "")),
        against=shown(first.against or (stage and stage.against) or ""),
        expected=stage.expectation if stage else None,
        predicted=_distinct(map(shown, told)),
        unpredicted="" if told else f"No number can be predicted: {shown(why_not[0])}.",
        came=_distinct(
            [
                *(_came(r, base) for r, base in zip(group.results, bases, strict=True)),
                *(quality_cost(r.quality) for r in group.results if r.quality is not None),
            ]
        ),
        outputs=outputs(group.results),
        agreement=_distinct(
            shown(agreement(r, base)) for r, base in zip(group.results, bases, strict=True)
        ),
    )


def _came(result: Result, base: Result | None) -> str:
    if result.tokens_per_second is not None and result.tpot_seconds is None:
        return f"{number(result.tokens_per_second)} tokens/s; its log tells no time of a token."
    try:
        return shown(why(result, base)).replace("..", ".")
    except ArithmeticError:  # of a record whose numbers no stopwatch can have given
        return "Its numbers cannot be set in proportion."


def _failure(run: Run) -> Failure:
    result = run.result
    reason = (result.reason or "The record gives no reason").rstrip(".")
    return Failure(
        label=shown(run.name),
        file=shown(run.file),
        status=status(result),
        reason=_capital(shown(reason)) + ".",
        next_step=_capital(shown(result.advice or NEXT_STEP)),
    )


def _warnings(runs: Sequence[Run]) -> list[str]:
    return _distinct(
        f"{shown(run.name)}: {shown(warning)}" for run in runs for warning in run.result.warnings
    )


def _distinct(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
