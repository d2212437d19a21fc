"""Findings about a run, and numbers in them as people read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workshop.grading.evidence.log import Run
from workshop.grading.records import Finding, Severity

Check = Callable[[Run], Iterator[Finding]]


def found(severity: Severity, run: Run, sentence: str, **evidence: object) -> Finding:
    """A finding about a run's log; the sentence goes on after the run's name."""
    shown = {name.replace("_", " "): in_words(value) for name, value in evidence.items()}
    return Finding(severity, run.log, f"{run.label}: {sentence}", shown)


def in_words(value: object) -> str:
    """4 significant digits where there are decimals: '263.8', '0.0001932', '13934720'."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"
    return str(value)


def close(one: float, other: float, relative: float = 1e-6) -> bool:
    """Whether two tellings of a number are one: rounding alone parts them."""
    return abs(one - other) <= relative * max(abs(one), abs(other)) + 1e-12
