"""All that a graded class is written as, each file whole or not at all.

    OUT/gradebook.csv
        moodle-feedback.zip                                  for a class from Moodle's worksheet
        summary.html, summary.md                             for the teacher
        participants/NAME/feedback.html, feedback.md         for that person
                          results.json                       for Gradescope; nothing secret in it
        unknown/NAME/...                                     submissions of nobody on the roster

The gradebook comes last: where it is new, all else is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from workshop.grading.pages.feedback import (
    Setting,
    feedback,
    feedback_html,
    feedback_markdown,
    setting,
)
from workshop.grading.pages.folders import folders
from workshop.grading.pages.gradebook import gradebook
from workshop.grading.pages.gradescope import results_json
from workshop.grading.pages.moodle import FEEDBACK_FILE, FEEDBACK_ZIP, FeedbackZip, is_worksheet
from workshop.grading.pages.roll import in_order
from workshop.grading.pages.summary import summary, summary_html, summary_markdown
from workshop.grading.records import Class, Graded, Participant
from workshop.util import files
from workshop.util.errors import UsageError

PARTICIPANTS, UNKNOWN, RESULTS = "participants", "unknown", "results.json"
PRIVATE = 0o700  # grades are nobody else's business on a cluster that many share


def write_outputs(cls: Class, out: Path, format: str = "nbgrader") -> list[Path]:
    """Write everything; the paths of all that is written.

    A file that says the same already is left as it is. Folders of people who are not in this class
    are left too, and named in the summary.

    Raises:
        UsageError: no such format, or the folder cannot be written to.
    """
    book = gradebook(cls, format)
    try:
        out.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        for name in (PARTICIPANTS, UNKNOWN) if cls.unknown else (PARTICIPANTS,):
            (out / name).mkdir(mode=PRIVATE, exist_ok=True)
        zipped = FeedbackZip() if format == "moodle" and is_worksheet(cls) else None
        return [path for path, content in contents(cls, out, book, zipped) if put(path, content)]
    except OSError as error:
        raise UsageError(
            f"cannot write {error.filename or out}: {error.strerror or error}; "
            "make room there, or choose another -o"
        ) from None


def contents(
    cls: Class, out: Path, book: str, zipped: FeedbackZip | None = None
) -> Iterator[tuple[Path, bytes | None]]:
    """Every file with what is in it, in the order of writing; None of one that must not be there.

    A page at a time: a class's pages together are large. Those of people who handed in are added
    to ``zipped`` as well.
    """
    class_ = setting(cls)
    people = dict(zip(ids := [one.id for one in cls.roster], folders(ids), strict=True))
    nobody = folders([stand_in(graded) for graded in cls.unknown])
    for one, graded in in_order(cls):
        for path, content in pages(out / PARTICIPANTS / people[one.id], one, graded, class_):
            yield path, content
            if zipped and graded and content is not None and path.name == FEEDBACK_FILE:
                zipped.add(one, content)
    for graded, name in zip(cls.unknown, nobody, strict=True):
        yield from pages(out / UNKNOWN / name, graded.participant, graded, class_)
    view = summary(
        cls,
        {one: f"{PARTICIPANTS}/{name}" for one, name in people.items()},
        [f"{UNKNOWN}/{name}" for name in nobody],
        [*stale(out / PARTICIPANTS, people.values()), *stale(out / UNKNOWN, nobody)],
    )
    yield out / "summary.html", encoded(summary_html(view))
    yield out / "summary.md", encoded(summary_markdown(view))
    if zipped is not None:
        yield out / FEEDBACK_ZIP, zipped.content
    yield out / "gradebook.csv", encoded(book)


def pages(
    folder: Path, one: Participant, graded: Graded | None, class_: Setting
) -> Iterator[tuple[Path, bytes | None]]:
    """A person's folder; one who handed nothing in gets a page that says so, and no results."""
    view = feedback(one, graded, class_)
    yield folder / FEEDBACK_FILE, encoded(feedback_html(view))
    yield folder / "feedback.md", encoded(feedback_markdown(view))
    yield folder / RESULTS, results_json(graded) if graded else None


def put(path: Path, content: bytes | None) -> bool:
    """Bring a file to this content; whether there is one afterwards."""
    if content is None:
        path.unlink(missing_ok=True)
        return False
    path.parent.mkdir(mode=PRIVATE, exist_ok=True)
    if not path.is_file() or path.read_bytes() != content:
        files.write(path, content)
    return True


def stale(folder: Path, names: Iterable[str]) -> list[str]:
    """What lies in a folder, left from another run, and belongs to nobody of this one."""
    if not folder.is_dir():
        return []
    known = set(names)
    return sorted(f"{folder.name}/{one.name}" for one in folder.iterdir() if one.name not in known)


def stand_in(graded: Graded) -> str:
    """What the folder of a submission is called that belongs to nobody."""
    return graded.participant.id or Path(graded.source).name


def encoded(text: str) -> bytes:
    """In UTF-8; a question mark for what is no character (names of files may hold such)."""
    return text.encode("utf-8", "replace")
