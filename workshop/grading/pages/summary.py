"""The page for the teacher: how the class did, and what there is to decide and to go over again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workshop.grading.pages import text
from workshop.grading.pages.distribution import Distribution, points, speeds, totals
from workshop.grading.pages.drawing import histogram, points_in_words, speeds_in_words, strips
from workshop.grading.pages.feedback import KINDS, Figure
from workshop.grading.pages.findings import AboutSomebody, Findings, finding, findings
from workshop.grading.pages.mistakes import Mistake, Stumble, mistakes, most_common, stumbles
from workshop.grading.pages.page import html, markdown
from workshop.grading.pages.roll import (
    exercise_of,
    exercises_of,
    in_order,
    late,
    mark,
    minutes_late,
    missing,
    not_graded,
    score_of,
    total,
)
from workshop.grading.records import Class, Graded, Participant
from workshop.judge.isolation import WHAT_IT_MEANS

GO_OVER = 10  # checks
GO_OVER_FROM = 0.2  # of those who tried it failed
MISTAKES = 8  # of an exercise


@dataclass(frozen=True)
class Chapter:
    """One exercise."""

    name: str
    most: str
    handed_in: int
    without: int
    full: int
    nothing: int
    mean: str
    figure: Figure | None
    mistakes: list[Mistake]
    other_mistakes: int


@dataclass(frozen=True)
class Person:
    """A row of the table of everybody."""

    name: str
    id: str
    folder: str
    score: str
    mark: str
    scores: list[str]
    late: str
    findings: int


@dataclass(frozen=True)
class Unknown:
    """A submission of nobody on the roster."""

    source: str
    id: str
    folder: str
    score: str
    handed_in: str


@dataclass(frozen=True)
class Summary:
    """Everything on the page.

    Attributes:
        facts: names and values above all else.
        stale: folders of an earlier run whose people are not in this one.
    """

    title: str
    most: str
    facts: list[tuple[str, str]]
    layers: list[tuple[str, str, int]]
    total: Figure | None
    go_over: list[Stumble]
    chapters: list[Chapter]
    speeds: Figure | None
    missing: list[Person]
    not_graded: list[Person]
    late: list[tuple[Person, str, str]]
    unknown: list[Unknown]
    remarks: list[AboutSomebody]
    findings: list[Findings]
    people: list[Person]
    exercises: list[str]
    stale: list[str]
    kinds: Mapping[str, str]
    marks: bool


def summary_html(summary: Summary) -> str:
    return html("summary.html.j2", view=summary)


def summary_markdown(summary: Summary) -> str:
    return markdown("summary.md.j2", view=summary)


def summary(
    cls: Class,
    folders: Mapping[str, str],
    unknown_folders: Sequence[str],
    stale: Sequence[str] = (),
) -> Summary:
    """What the teacher sees.

    Args:
        folders: of the people on the roster, by id, relative to the page.
        unknown_folders: of ``cls.unknown``, in its order.
        stale: folders that lie there of an earlier run.
    """
    people = {one.id: person(one, graded, cls, folders) for one, graded in in_order(cls)}
    most = sum(exercises_of(cls).values())
    return Summary(
        title=text.line(cls.title),
        most=text.points(most),
        facts=facts(cls),
        layers=layers(cls),
        total=total_figure(cls),
        go_over=[one for one in stumbles(cls) if one.share >= GO_OVER_FROM][:GO_OVER],
        chapters=chapters(cls),
        speeds=speed_figure(cls),
        missing=[people[one.id] for one in missing(cls)],
        not_graded=[people[one.id] for one in not_graded(cls)],
        late=[
            (people[one.participant.id], text.span(one.minutes), text.points(one.penalty))
            for one in late(cls)
        ],
        unknown=[
            unknown(graded, folder)
            for graded, folder in zip(cls.unknown, unknown_folders, strict=True)
        ],
        remarks=[finding("", "", one) for one in cls.remarks],
        findings=list(findings(cls, folders, unknown_folders)),
        people=list(people.values()),
        exercises=[text.line(name) for name in exercises_of(cls)],
        stale=[text.line(one) for one in stale],
        kinds=KINDS,
        marks=bool(cls.thresholds),
    )


def facts(cls: Class) -> list[tuple[str, str]]:
    away = len(missing(cls))
    attempts = sum(cls.attempts.values())
    known = [
        ("On the roster", str(len(cls.roster))),
        ("Handed in", str(len(cls.roster) - away)),
        ("Missing", str(away)),
        ("Late", str(len(late(cls)))),
        ("Unknown", str(len(cls.unknown))),
        ("Attempts", str(attempts) if attempts else ""),
        ("Due", text.moment(cls.due)),
        ("Grading took", text.span(cls.seconds / 60) if cls.seconds is not None else ""),
    ]
    return [(name, value) for name, value in known if value]


def layers(cls: Class) -> list[tuple[str, str, int]]:
    """What stood around participants' code: its name, what that means, for how many."""
    everybody = [*cls.graded.values(), *cls.unknown]
    counts = Counter(graded.isolation for graded in everybody)
    return [
        (text.line(name), WHAT_IT_MEANS.get(name, ""), count)  # type: ignore[call-overload]
        for name, count in counts.most_common()
    ]


def total_figure(cls: Class) -> Figure | None:
    found = totals(cls)
    return Figure("Points", histogram(found), points_in_words(found)) if found.values else None


def speed_figure(cls: Class) -> Figure | None:
    found = {text.line(stage, 40): one for stage, one in speeds(cls).items()}
    if not found:
        return None
    title = "Tokens per second, as a multiple of the own baseline"
    return Figure(title, strips(found, {}), speeds_in_words(found, {}))


def chapters(cls: Class) -> list[Chapter]:
    made, found = mistakes(cls), points(cls)
    return [
        chapter(cls, name, most, found[name], made.get(name, []))
        for name, most in exercises_of(cls).items()
    ]


def chapter(
    cls: Class, name: str, most: float, found: Distribution, made: list[Mistake]
) -> Chapter:
    shared, others = most_common(made, MISTAKES)
    values = found.values
    title = f"Points in {text.line(name)}"
    return Chapter(
        name=text.line(name),
        most=text.points(most),
        handed_in=len(values),
        without=len(cls.graded) - len(values),
        full=sum(value >= most - 1e-6 for value in values),
        nothing=sum(value <= 0 for value in values),
        mean=text.points(found.mean) if values else "–",
        figure=Figure(title, histogram(found), points_in_words(found)) if values else None,
        mistakes=shared,
        other_mistakes=others,
    )


def person(
    one: Participant, graded: Graded | None, cls: Class, folders: Mapping[str, str]
) -> Person:
    grades = [exercise_of(graded, name) for name in exercises_of(cls)]
    late_by = minutes_late(graded) if graded else 0.0
    return Person(
        name=text.called(one),
        id=text.line(one.id, text.NAME),
        folder=folders.get(one.id, ""),
        score=text.points(total(graded)) if graded else "–",
        mark=text.line(mark(graded, cls)) if graded else "",
        scores=[
            text.points(score_of(grade)) if grade and grade.handed_in else "–" for grade in grades
        ],
        late=text.span(late_by) if late_by else "",
        findings=sum(found.severity != "note" for found in graded.findings) if graded else 0,
    )


def unknown(graded: Graded, folder: str) -> Unknown:
    return Unknown(
        source=text.line(graded.source),
        id=text.line(graded.participant.id or graded.participant.name, text.NAME),
        folder=folder,
        score=text.points(total(graded)),
        handed_in=text.moment(graded.handed_in),
    )
