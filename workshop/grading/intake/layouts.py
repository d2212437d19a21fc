"""What a teacher names, taken apart into what each person handed in.

    a folder or an archive of each person          ada/  s1234567.zip  "Lovelace, Ada.tar.gz"
    one archive of all, or a folder of them        all.zip, submissions/
    a download from Moodle, Canvas or Gradescope   see layouts_lms.py
    nbgrader's submitted/ID/ASSIGNMENT/            with its timestamp.txt, or a whole course folder
    a Git export                                   a folder of each person; .git is not looked into

Things that lie side by side are of one kind: only where nobody's name fits anything is a folder
taken for one of groups, and an archive that lies in a folder is always one person's. So nobody can
hand in for others by putting folders with their names into an archive of their own.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from pathlib import Path

from workshop.grading.intake.archive import SUFFIXES, is_foreign, stem_of, suffix_of
from workshop.grading.intake.arrange import known_as, proper
from workshop.grading.intake.handed_in import HandedIn, in_name, in_stamp
from workshop.grading.intake.layouts_lms import (
    GRADESCOPE,
    MetadataError,
    Named,
    named,
    read_metadata,
)
from workshop.grading.intake.left_out import shown
from workshop.grading.intake.matching import Clue, Register
from workshop.grading.intake.tree import JUNK
from workshop.grading.records import Finding
from workshop.learn.exercise import ANSWERS, CODE

_STAMP = "timestamp.txt"
_COURSE = frozenset(("source", "release", "autograded", "feedback"))  # nbgrader's, beside submitted
_LOOKED_AT = 5000  # entries, to find out what a folder is
_LONGEST = 1000  # characters of a path in a finding
NO_TIME = "a download of {lms}'s says no time"


@dataclass(frozen=True)
class Part:
    """One file or folder of what a person handed in; ``name`` is what they called it."""

    path: Path
    name: str


@dataclass(frozen=True)
class Entry:
    """What one person handed in at one time, before anything of it is opened.

    Attributes:
        called: by what it is told apart.
        clues: of whose it is.
        source: where it lies, as people find it.
        handed_in: None where the clock of its files may tell.
        remarks: what is to be told about it.
    """

    called: str
    clues: tuple[Clue, ...]
    parts: tuple[Part, ...]
    source: Path
    handed_in: HandedIn | None = None
    remarks: tuple[Finding, ...] = ()


@dataclass
class Entries:
    """What a folder holds, and what is to be told of what is nobody's.

    Attributes:
        download: whether it is one of a learning management system's.
    """

    found: list[Entry] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)
    download: bool = False


@dataclass(frozen=True)
class Sight:
    """What is needed to see what something is."""

    register: Register
    exercises: Collection[str]
    tz: tzinfo | None

    def known(self, entry: Entry) -> bool:
        """Whether it fits anybody on the roster; of several people, it is still unclear which."""
        match = self.register.find(entry.clues)
        return match.participant is not None or bool(match.several)


def entry_of(path: Path, source: Path, sight: Sight, name: str | None = None) -> Entry:
    """A folder or an archive that is one person's, by its name alone."""
    name = name if name is not None else path.name
    lms = named(name, sight.tz)
    if lms is not None:
        return _of_lms(lms, [Part(path, lms.file or name)], source)
    called = stem_of(name)
    when = in_name(name, sight.tz)
    handed_in = HandedIn(when, "the time in its name") if when else _stamped(path, sight.tz)
    return Entry(called, (Clue("text", called),), (Part(path, name),), source, handed_in)


def entries_of(folder: Path, source: Path, sight: Sight, depth: int = 2) -> Entries:
    """What lies in a folder that a teacher named, or in an archive of all."""
    entries = Entries()
    people: list[Entry] = []
    by_person: dict[str, list[tuple[Named, Part, Path]]] = {}
    folders: list[Path] = []
    loose: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name in JUNK or path.name.startswith("._"):
            continue
        mode = path.lstat().st_mode
        lms = named(path.name, sight.tz)
        if stat.S_ISLNK(mode) or not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            kind = "a link" if stat.S_ISLNK(mode) else "no plain file"
            entries.remarks.append(_told(source / path.name, f"it is {kind} and was not looked at"))
        elif lms is not None:
            part = Part(path, lms.file or path.name)
            by_person.setdefault(lms.person, []).append((lms, part, source / path.name))
        elif stat.S_ISDIR(mode):
            folders.append(path)
        elif suffix_of(path.name) or is_foreign(path.name):
            people.append(entry_of(path, source / path.name, sight))
        else:
            loose.append(path)
    if GRADESCOPE in [path.name for path in loose]:
        return _gradescope(folder, source, folders, people, loose, entries)
    for those in by_person.values():
        (lms, _, first), parts = those[0], [part for _, part, _ in those]
        people.append(_of_lms(lms, parts, first))
    entries.download = bool(by_person)
    apart = _apart(folders, source, sight, depth, bool(by_person or people))
    entries.found += people + apart.found
    entries.remarks += apart.remarks
    for path in loose:
        what = "it is no folder and no archive, and nothing tells whose it is"
        entries.remarks.append(_told(source / path.name, what))
    return entries


def _apart(folders: list[Path], source: Path, sight: Sight, depth: int, beside: bool) -> Entries:
    """Folders side by side: people's, or groups of people's where nobody's name fits any."""
    names = {path.name for path in folders}
    if "submitted" in names and names & _COURSE:  # an nbgrader course
        submitted = next(path for path in folders if path.name == "submitted")
        sentence = "it is an nbgrader course: only submitted/ is looked into"
        remark = Finding("note", shown(str(source), _LONGEST), sentence)
        inside = entries_of(submitted, source / "submitted", sight, depth - 1)
        return replace(inside, remarks=[remark, *inside.remarks], download=True)
    people = [entry_of(path, source / path.name, sight) for path in folders]
    if beside or depth <= 0 or any(sight.known(entry) for entry in people):
        return Entries(people)
    entries = Entries()
    for path, entry in zip(folders, people, strict=True):
        try:
            inside = entries_of(path, source / path.name, sight, depth - 1)
        except OSError:  # it may not be looked into: that is told where it is copied
            inside = Entries()
        if inside.download or any(sight.known(one) for one in inside.found):
            entries.found += inside.found
            entries.remarks += inside.remarks
        else:
            entries.found.append(entry)
    return entries


def is_one_persons(folder: Path, sight: Sight) -> bool:
    """Whether a folder is itself what somebody handed in: there are exercises at its top.

    Only if nothing at its top is called after anybody: then it is a folder of people's.
    """
    tops = _listing(folder)
    if any(sight.known(entry_of(path, path, sight)) for path in tops if _may_be_someones(path)):
        return False
    return any(_is_exercise(path, sight.exercises) for path in tops)


def _may_be_someones(path: Path) -> bool:
    return not path.is_symlink() and (path.is_dir() or suffix_of(path.name) is not None)


def _is_exercise(path: Path, exercises: Collection[str]) -> bool:
    if path.is_symlink():
        return False
    if path.is_dir():
        return known_as(path.name, exercises) is not None
    return proper(path.name) in (CODE, ANSWERS) or any(
        path.name.endswith(end) and known_as(path.name.removesuffix(end), exercises) is not None
        for end in (".py", ".toml", *SUFFIXES)
    )


def _of_lms(lms: Named, parts: Iterable[Part], source: Path) -> Entry:
    when = lms.when
    how = f"the time in {lms.lms}'s name" if when else NO_TIME.format(lms=lms.lms)
    late = Finding("doubt", "", f"{lms.lms} marks it as late, and does not say by how much")
    remarks = (late,) if lms.late else ()
    return Entry(lms.person, lms.clues, tuple(parts), source, HandedIn(when, how), remarks)


def _gradescope(
    folder: Path,
    source: Path,
    folders: list[Path],
    archives: list[Entry],
    loose: list[Path],
    entries: Entries,
) -> Entries:
    """A Gradescope export: a folder of each submission, and what its metadata says of them."""
    try:
        metadata = read_metadata((folder / GRADESCOPE).read_bytes())
    except (MetadataError, OSError) as error:
        entries.remarks.append(_told(source / GRADESCOPE, f"it cannot be read ({error})"))
        metadata = {}
    parts = {path.name: Part(path, path.name) for path in (*folders, *loose)}
    parts |= {entry.source.name: entry.parts[0] for entry in archives}
    parts.pop(GRADESCOPE)
    entries.download = True
    for name, one in metadata.items():
        part = parts.pop(name, None)
        if part is None:
            sentence = "the export's metadata name it, but it is not there"
            entries.remarks.append(_told(source / shown(name), sentence))
            continue
        when = in_stamp(one.created_at, None)
        how = "Gradescope's metadata" if when else NO_TIME.format(lms="Gradescope")
        entry = Entry(name, (), (part,), source / name, HandedIn(when, how))
        together = [who.name or who.sid or who.email for who in one.submitters]
        if len(together) > 1:
            sentence = "it was handed in by several people together"
            evidence = {"people": ", ".join(map(shown, together))}
            entry = replace(entry, remarks=(Finding("note", "", sentence, evidence),))
        entries.found += [replace(entry, clues=who.clues) for who in one.submitters] or [entry]
    for name, part in parts.items():
        clues = (Clue("text", name),)
        unknown = HandedIn(None, NO_TIME.format(lms="Gradescope"))
        entries.found.append(Entry(name, clues, (part,), source / name, unknown))
    return entries


def _stamped(folder: Path, tz: tzinfo | None) -> HandedIn | None:
    """The latest time that nbgrader wrote into a person's folder, or a folder of it.

    https://nbgrader.readthedocs.io/en/stable/plugins/late-plugin.html
    """
    if folder.is_symlink() or not folder.is_dir():
        return None
    folders = [path for path in _listing(folder) if path.is_dir() and not path.is_symlink()]
    places = (folder, *folders)
    texts = [_small_text(place / _STAMP) for place in places]
    times = [when for text in texts if text and (when := in_stamp(text, tz))]
    return HandedIn(max(times), f"its {_STAMP}") if times else None


def _listing(folder: Path) -> list[Path]:
    """What lies in a folder; nothing where it may not be looked into."""
    try:
        return sorted(path for path in folder.iterdir() if path.name not in JUNK)[:_LOOKED_AT]
    except OSError:
        return []


def _small_text(path: Path) -> str:
    """The text of a small plain file; '' of anything else."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return ""
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return os.read(handle, 200).decode("utf-8", "replace")
        finally:
            os.close(handle)
    except OSError:
        return ""


def _told(path: Path, what: str) -> Finding:
    return Finding("doubt", shown(str(path), _LONGEST), f"{shown(path.name)} is nobody's: {what}")
