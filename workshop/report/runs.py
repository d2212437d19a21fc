"""Which run a run is held against, and what it is called on a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workshop.analysis.identity import names_of
from workshop.record.results import Result
from workshop.report.text import shown
from workshop.roofline.models import model_of
from workshop.stages import BASELINE, STAGES, stage_order

STATUS = {"ok": "complete", "incomplete": "not complete", "failed": "failed"}


@dataclass(frozen=True)
class Run:
    """A result, the file that it comes from, and what it is called beside the others."""

    file: str
    result: Result
    name: str


@dataclass(frozen=True)
class Group:
    """The runs of one thing, to be told of in one section."""

    label: str
    runs: list[Run]

    @property
    def results(self) -> list[Result]:
        return [run.result for run in self.runs]


def named(files: Sequence[str], results: Sequence[Result]) -> list[Run]:
    """The runs, called as in the figures."""
    names = names_of(results, [result.has_number for result in results])
    return [Run(*run) for run in zip(files, results, names, strict=True)]


def groups(runs: Sequence[Run]) -> list[Group]:
    """The runs by name: stages in their order, each variant beside its stage."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.name, []).append(run)
    ordered = sorted(
        found.items(),
        key=lambda item: (stage_order(item[1][0].result.stage), item[0]),
    )
    return [Group(shown(label), same) for label, same in ordered]


def status(result: Result) -> str:
    """How a run ended, in words."""
    word = STATUS[result.status]
    if result.status == "incomplete":
        count = len(result.samples)
        return f"{word}, {count} sample{'' if count == 1 else 's'}"
    return word


def base_of(result: Result, results: Sequence[Result]) -> Result | None:
    """The run of the stage that this one builds on, if their numbers count the same."""
    stage = STAGES.get(result.stage or "")  # which a log of another tool does not name
    return plain(result, results, result.against or (stage.against if stage else None))


def baseline_of(result: Result, results: Sequence[Result]) -> Result | None:
    return plain(result, results, BASELINE if result.stage in STAGES else None)


def plain(result: Result, results: Sequence[Result], stage: str | None) -> Result | None:
    """The first run of a stage, without options, that has a number to divide this one's by."""
    return next(
        (
            other
            for other in results
            if stage is not None
            and other.stage == stage == other.label
            and other.tokens_per_second
            and counted_alike(result, other)
        ),
        None,
    )


def counted_alike(one: Result, other: Result) -> bool:
    """Whether the tokens/s of the two may be divided by one another."""
    return (one.format, one.definition, one.batch_size, model_of(one)) == (
        other.format,
        other.definition,
        other.batch_size,
        model_of(other),
    )
