"""What ``workshop grade`` prints at its end, for people and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workshop.util.text import one_line

if TYPE_CHECKING:
    from workshop.grading.attempt import Order
    from workshop.grading.intake.roster import Roster
    from workshop.grading.intake.submissions import Gathered
    from workshop.grading.records import Class, Graded
    from workshop.grading.whole import Outcome

SEVERITIES = ("contradiction", "doubt", "note")
LONGEST = 400  # characters of a line
MOST_NAMED = 5  # of those to look at first


def tell_what_is_there(gathered: Gathered, roster: Roster) -> None:
    """What would be graded, for --dry-run."""
    for attempt in gathered.attempts:
        who = attempt.participant
        when = attempt.handed_in.isoformat(" ", "minutes") if attempt.handed_in else "no time"
        known = "" if attempt.known else " (not on the roster)"
        click.echo(
            one_line(
                f"{who.id}: attempt {attempt.number}, {when}, {attempt.source}{known}", LONGEST
            )
        )
        for remark in attempt.remarks:
            click.echo(f"    {remark.severity}: {one_line(remark.sentence, LONGEST)}")
    there = {attempt.participant.id for attempt in gathered.attempts if attempt.known}
    for one in roster.participants:
        if one.id not in there:
            click.echo(f"{one_line(one.id)}: handed in nothing")
    for remark in [*roster.remarks, *gathered.remarks]:
        click.echo(f"{remark.severity}: {one_line(remark.sentence, LONGEST)}")
    unknown = sum(not attempt.known for attempt in gathered.attempts)
    click.echo(
        f"\n{counted(len(gathered.attempts) - unknown, 'attempt')} of {len(there)} people; "
        f"{len(roster.participants) - len(there)} of the roster handed in nothing; "
        f"{counted(unknown, 'submission')} of nobody on it. Nothing was run."
    )


def tell(outcome: Outcome, order: Order, out: Path, format_: str) -> None:
    """The end: how many, with what findings, in which isolation, and where to look."""
    from workshop.grading.pages.moodle import FEEDBACK_ZIP, is_worksheet
    from workshop.judge.isolation import WHAT_IT_MEANS

    cls = outcome.cls
    missing = sum(one.id not in cls.attempts for one in cls.roster)
    click.echo(
        f"{len(cls.graded)} of {len(cls.roster)} people graded in {cls.seconds:.0f} s, "
        f"{counted(outcome.ran, 'attempt')} newly run; {missing} handed in nothing; "
        f"{counted(len(cls.unknown), 'submission')} of nobody on the roster."
    )
    found = findings_by_severity(cls)
    counts = [counted(found[severity], severity) for severity in SEVERITIES if found[severity]]
    click.echo(f"Findings to review: {', '.join(counts) or 'none'}.")
    click.echo(f"Participants' code ran in {order.isolation}: {WHAT_IT_MEANS[order.isolation]}.")
    if order.isolation == "process":
        click.echo("Warning: --require-isolation refuses that; see docs/isolation.md.", err=True)
    for which, why in outcome.lost.items():
        click.echo(one_line(f"Error: {which} could not be graded: {why}", 3 * LONGEST), err=True)
    click.echo(f"{out / 'gradebook.csv'}  ({format_})\n{out / 'summary.html'}")
    if format_ == "moodle" and is_worksheet(cls):
        click.echo(f"{out / FEEDBACK_ZIP}  (feedback files: upload them after the gradebook)")
    first = look_first(cls)
    if first:
        click.echo("Look first at:")
    for line in first[:MOST_NAMED]:
        click.echo(f"    {one_line(line, LONGEST)}")
    if len(first) > MOST_NAMED:
        click.echo(f"    and {len(first) - MOST_NAMED} more, listed in the summary")


def look_first(cls: Class) -> list[str]:
    """Findings above a note, worst first: all about the class, and one per person."""
    remarks = [
        *((remark, remark.about or "the class") for remark in cls.remarks),
        *((one.findings[0], one.participant.id) for one in everybody(cls) if one.findings),
    ]
    remarks.sort(key=lambda pair: SEVERITIES.index(pair[0].severity))
    return [
        f"{whom}: {finding.sentence} ({finding.severity})"
        for finding, whom in remarks
        if finding.severity != "note"
    ]


def everybody(cls: Class) -> list[Graded]:
    return [*cls.graded.values(), *cls.unknown]


def findings_by_severity(cls: Class) -> dict[str, int]:
    every = [*cls.remarks, *(found for graded in everybody(cls) for found in graded.findings)]
    return {
        severity: sum(finding.severity == severity for finding in every) for severity in SEVERITIES
    }


def as_data(outcome: Outcome, order: Order, paths: Sequence[Path]) -> dict[str, Any]:
    """What --json prints."""
    cls = outcome.cls
    return {
        "participants": [
            {
                "id": one.id,
                "attempts": cls.attempts.get(one.id, 0),
                "graded": one.id in cls.graded,
                **(row(cls.graded[one.id]) if one.id in cls.graded else {}),
            }
            for one in cls.roster
        ],
        "unknown": [{"id": one.participant.id, **row(one)} for one in cls.unknown],
        "lost": outcome.lost,
        "findings": findings_by_severity(cls),
        "isolation": order.isolation,
        "ran": outcome.ran,
        "seconds": cls.seconds,
        "written": [str(path) for path in paths],
    }


def row(graded: Graded) -> dict[str, Any]:
    return {
        "attempt": graded.attempt,
        "score": round(graded.score, 2),
        "max_score": round(graded.max_score, 2),
        "exercises": {one.name: round(one.score, 2) for one in graded.exercises},
        "findings": len(graded.findings),
    }


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
