"""What was noticed about the class, brought together for the teacher to decide on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from workshop.grading.pages import text
from workshop.grading.pages.roll import in_order
from workshop.grading.records import Class, Finding, Graded

OF_ONE = 40  # findings of one severity about one person that are worth reading
SEVERITIES = {
    "contradiction": "Two things that cannot both be so",
    "doubt": "Worth a question",
    "note": "To know",
}


@dataclass(frozen=True)
class AboutSomebody:
    """A finding with whom it is about.

    Attributes:
        folder: of that person's pages; '' where there are none.
    """

    who: str
    folder: str
    about: str
    sentence: str
    evidence: list[tuple[str, str]]


@dataclass(frozen=True)
class Findings:
    """Those of one severity, and how many more of the same people are left out."""

    severity: str
    title: str
    shown: list[AboutSomebody]
    others: int


def findings(
    cls: Class, folders: Mapping[str, str], unknown_folders: Sequence[str]
) -> Iterator[Findings]:
    """By severity, the gravest first; those of one person together."""
    about = [*about_everybody(cls, folders, unknown_folders)]
    for severity, title in SEVERITIES.items():
        these: list[AboutSomebody] = []
        others = 0
        for who, folder, graded in about:
            of_one = [found for found in graded.findings if found.severity == severity]
            these += (finding(who, folder, found) for found in of_one[:OF_ONE])
            others += len(of_one[OF_ONE:])
        if these:
            yield Findings(severity, title, these, others)


def about_everybody(
    cls: Class, folders: Mapping[str, str], unknown_folders: Sequence[str]
) -> Iterator[tuple[str, str, Graded]]:
    for one, graded in in_order(cls):
        if graded is not None:
            yield f"{text.called(one)} ({text.line(one.id, 60)})", folders.get(one.id, ""), graded
    for graded, folder in zip(cls.unknown, unknown_folders, strict=True):
        yield f"not on the roster: {text.called(graded.participant)}", folder, graded


def finding(who: str, folder: str, found: Finding) -> AboutSomebody:
    return AboutSomebody(
        who=who,
        folder=folder,
        about=text.line(found.about),
        sentence=text.lines(found.sentence),
        evidence=[(text.line(name), text.lines(value)) for name, value in found.evidence.items()],
    )
