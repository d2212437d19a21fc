"""All that is to be noticed about one person's logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workshop.grading.evidence import (
    accounting,
    baseline,
    claims,
    consistency,
    lines,
    order,
    physics,
    text,
)
from workshop.grading.evidence.accounting import Ask
from workshop.grading.evidence.finding import Check, found
from workshop.grading.evidence.log import Log, Run
from workshop.grading.evidence.sane import sane, usable
from workshop.grading.records import Finding, Participant
from workshop.util.text import one_line

CHECKS = (
    *consistency.CHECKS,
    *lines.CHECKS,
    *claims.CHECKS,
    *physics.CHECKS,
    *baseline.CHECKS,
    *text.CHECKS,
)
GRAVEST = ("contradiction", "doubt", "note")
MOST = 200  # findings about one person's logs: whoever needs more has read enough


def examine(logs: Sequence[Log], participant: Participant, ask: Ask | None = None) -> list[Finding]:
    """Findings about each log and about the runs beside each other, the gravest first.

    Args:
        ask: Slurm's accounting (``accounting.ask_sacct``); None where there is none to ask.
    """
    found_here = [finding for log in logs for finding in about_log(log)]
    runs = [run for log in logs for run in log.runs if run.complete and usable(run)]
    found_here += [*baseline.beside_runs(runs), *order.at_once(runs)]
    if ask is not None:
        found_here += accounting.check(runs, participant.account, ask)
    return sorted(found_here, key=lambda one: GRAVEST.index(one.severity))[:MOST]


def about_log(log: Log) -> Iterator[Finding]:
    if log.problem is not None:
        yield Finding("doubt", log.path, f"this log was not read: {log.problem}")
    for run in log.runs:
        yield from about_run(run)


def about_run(run: Run) -> Iterator[Finding]:
    """Every check of a complete run of ours; of any other, why there is nothing to check."""
    result = run.result
    if result.format != "workshop":
        yield found("note", run, f"a log of {result.format}: nothing in it can be held against it")
    elif not run.complete:
        reason = one_line(result.reason or "it has no samples")
        yield found("note", run, f"not a complete run: {reason}")
    elif not usable(run):
        yield from sane(run)
    else:
        for check in CHECKS:
            yield from tried(check, run)


def tried(check: Check, run: Run) -> list[Finding]:
    """What a check finds; where a record is of a form that nobody thought of, that."""
    try:
        return list(check(run))
    except (ArithmeticError, ValueError, TypeError, LookupError) as error:
        why = f"it could not be checked throughout ({type(error).__name__})"
        return [found("doubt", run, why)]
